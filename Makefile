# make build   the library, importable: PYTHONPATH=python python3 -c "import martlet"
# make demo    the four programs, each beside PyTorch's output
# make test    Swift, C and Python tests; sets up its own .venv
# make check-accuracy   functions of one float for all 2^32 arguments (about half an hour)
# make check-arm64      the kernels for AArch64 under qemu; needs a cross compiler
# make check-memory     Swift tests and some Python tests under AddressSanitizer, leaks included
# make check-races      Swift tests under ThreadSanitizer
# make bench   all workloads timed beside PyTorch and other libraries, as ratios; BENCH="--only W5" for some
SHELL := /bin/bash
SWIFT := env -u CC -u CXX swift
PYTHON ?= python3
VENV := .venv
LIB := .build/release/libmartlet.so

.PHONY: build demo test test-swift test-c test-python check-accuracy check-arm64 check-memory check-races bench venv clean prototypes

build:
	$(SWIFT) build -c release --product martlet
	@ln -sf libmartlet.so .build/release/libmartlet.so.0

demo: build
	PYTHONPATH=python $(PYTHON) python/examples/demo.py

# The closing lines of the three runners come last, together.
test: build venv
	@bash .ci/test.sh

test-swift:
	$(SWIFT) test --disable-xctest

test-c: build
	bash Tests/C/run.sh

test-python: build venv
	$(VENV)/bin/python -m pytest python/tests -q

check-accuracy: build
	bash Tests/Kernels/run.sh accuracy 1

check-arm64:
	bash .ci/check-arm64.sh

check-memory: venv
	bash .ci/check-sanitizer.sh address

check-races:
	bash .ci/check-sanitizer.sh thread

venv:
	@bash .ci/venv.sh

bench: build venv
	$(SWIFT) build -c release --product BenchmarkC
	$(SWIFT) build -c release --product BenchmarkSwift
	$(VENV)/bin/python python/benchmarks/bench.py $(BENCH)

prototypes:
	$(PYTHON) python/generate_prototypes.py

clean:
	rm -rf .build $(VENV)
