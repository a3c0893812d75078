#!/usr/bin/env bash
# Tests under a sanitizer of the Swift toolchain: `address` (use of freed memory, overflows, leaks) or `thread` (races).
# The Swift tests, and with `address` also the Python tests whose names are given (by default the engine's and capture's)
# in a process that has the sanitizer's runtime loaded first. Builds below .build/sanitize-*.
set -euo pipefail
cd "$(dirname "$0")/.."
kind=${1:?address or thread}
shift
build=.build/sanitize-$kind
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1}
env -u CC -u CXX swift test --disable-xctest --sanitize="$kind" --scratch-path "$build"
[ "$kind" = address ] || exit 0
runtime=$(find "$(dirname "$(readlink -f "$(command -v swift)")")/../lib/clang" -name 'libclang_rt.asan-x86_64.so' | head -1)
[ -n "$runtime" ] || {
    echo "the Python tests were not run: the toolchain has no libclang_rt.asan-x86_64.so"
    exit 3
}
tests=("$@")
[ ${#tests[@]} -gt 0 ] || tests=(python/tests/test_{autograd*,capture*,joined_steps,ops_attention,optim_updates,threads}.py)
# Python frees nothing at its end, which is no leak of ours; its own allocator would hide what is.
LD_PRELOAD=$runtime ASAN_OPTIONS=detect_leaks=0 PYTHONMALLOC=malloc MARTLET_LIB=$PWD/$build/debug/libmartlet.so \
    .venv/bin/python -m pytest -q -p no:cacheprovider "${tests[@]}"
