#!/usr/bin/env bash
# Sets up .venv with what the tests need. Without torch (the oracle) the tests that compare with it are skipped, loudly.
set -uo pipefail
cd "$(dirname "$0")/.."
venv=.venv
stamp=$venv/.ready-2
[ -f "$stamp" ] && exit 0
python3 -m venv "$venv" || {
    echo "python3 -m venv failed; on Debian: apt-get install python3-venv" >&2
    exit 1
}
"$venv/bin/pip" install --quiet --disable-pip-version-check "pytest==9.0.3" "pytest-timeout==2.4.0" "hypothesis==6.155.2" "numpy>=1.24" || exit 1
# The CPU build; elsewhere PyPI's own build of the version serves as well.
"$venv/bin/pip" install --quiet --disable-pip-version-check "torch==2.13.0+cpu" 2>/dev/null ||
    "$venv/bin/pip" install --quiet --disable-pip-version-check "torch==2.13.0+cpu" --index-url https://download.pytorch.org/whl/cpu 2>/dev/null ||
    "$venv/bin/pip" install --quiet --disable-pip-version-check "torch==2.13.0" ||
    echo "WARNING: torch 2.13.0 could not be installed: tests that compare with it will be SKIPPED" >&2
"$venv/bin/pip" install --quiet --disable-pip-version-check "higher==0.2.1" || true
touch "$stamp"
