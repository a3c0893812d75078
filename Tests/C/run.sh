#!/usr/bin/env bash
# Compiles the header alone as C99, C11 and C++17, checks that the library exports what it declares, then builds and
# runs the C test programs against the shared library, and the checks of the kernels.
set -uo pipefail
cd "$(dirname "$0")/../.."
lib=.build/release
ln -sf libmartlet.so $lib/libmartlet.so.0 # what the soname names
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
passed=0 failed=0
check() {
    if "${@:2}" >"$out/log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $1"
        sed 's/^/    /' "$out/log" | head -40
    fi
}
strict="-Wall -Wextra -Wpedantic -Werror -Iinclude -fsyntax-only"
echo '#include "martlet.h"' >"$out/alone.c"
cp "$out/alone.c" "$out/alone.cpp"
check "header as C99" cc -std=c99 $strict "$out/alone.c"
check "header as C11" cc -std=c11 $strict "$out/alone.c"
check "header as C++17" c++ -std=c++17 $strict "$out/alone.cpp"
exports() {
    sed -n 's/^MT_API.*\b\(mt_[a-z0-9_]*\)(.*/\1/p' include/martlet.h | sort -u >"$out/declared"
    nm -D --defined-only "$lib/libmartlet.so" | awk '{print $3}' | sed 's/@.*//' | grep '^mt_' | sort -u >"$out/exported"
    diff "$out/declared" "$out/exported"
}
check "every declared function is exported, and nothing else" exports
check "prototypes of the Python face are up to date" python3 python/generate_prototypes.py --check
for source in Tests/C/*.c; do
    name=$(basename "$source" .c)
    if cc -std=c11 -g -Wall -Wextra -Wpedantic -Werror -Iinclude "$source" -o "$out/$name" -L"$lib" -lmartlet -Wl,-rpath,"$PWD/$lib" -lm >"$out/build" 2>&1; then
        check "$name" env MARTLET_CHECK_HANDLES=1 "$out/$name"
    else
        failed=$((failed + 1))
        echo "FAILED to build: $name"
        sed 's/^/    /' "$out/build"
    fi
done
check "kernels against plain loops" bash Tests/Kernels/run.sh kernels
check "functions of one float for every 97th" bash Tests/Kernels/run.sh accuracy 97
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
