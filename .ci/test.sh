#!/usr/bin/env bash
# Runs the Swift, C and Python tests and closes with each runner's own summary line. Fails if any of them fails.
set -uo pipefail
cd "$(dirname "$0")/.."
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
status=0

echo "== Swift tests"
env -u CC -u CXX swift test --disable-xctest 2>&1 | tee "$logs/swift" | grep -vE '^\[[0-9]+/[0-9]+\]|^(◇|✔) '
[ "${PIPESTATUS[0]}" -eq 0 ] || status=1

echo "== C tests"
bash Tests/C/run.sh 2>&1 | tee "$logs/c"
[ "${PIPESTATUS[0]}" -eq 0 ] || status=1

echo "== Python tests"
.venv/bin/python -m pytest python/tests -q -ra --timeout 600 2>&1 | tee "$logs/python"
[ "${PIPESTATUS[0]}" -eq 0 ] || status=1

echo "== Python tests over ctypes alone"
MARTLET_BRIDGE=ctypes .venv/bin/python -m pytest python/tests -q -ra --timeout 600 2>&1 | tee "$logs/ctypes"
[ "${PIPESTATUS[0]}" -eq 0 ] || status=1

echo "== Summary"
grep -E 'Test run with' "$logs/swift" | tail -1
tail -1 "$logs/c"
tail -1 "$logs/python"
tail -1 "$logs/ctypes"
exit $status
