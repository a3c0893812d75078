#!/usr/bin/env bash
# Checks the kernels of the release build, for each instruction set that this machine has.
#   run.sh kernels           every family against plain loops in a wider type, and the choice by MARTLET_CPU
#   run.sh accuracy STEP     functions of one float over every STEPth of float's 2^32 bit patterns
set -euo pipefail
cd "$(dirname "$0")/../.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
# Not what an earlier build left there.
objects=()
for source in Sources/MartletKernels/*.c; do
    objects+=(".build/release/MartletKernels.build/${source##*/}.o")
done
build() {
    cc -std=gnu11 -O2 -Wall -Wextra -Werror "Tests/Kernels/$1.c" "${objects[@]}" -o "$out/$1" -lm -ldl -lpthread
}
case ${1:-} in
kernels)
    build check_kernels
    "$out/check_kernels"
    # Asking for what the machine has gives it; generic is there on all.
    for name in $("$out/check_kernels" names) ; do
        [ "$(MARTLET_CPU=$name "$out/check_kernels" chosen)" = "$name" ] || {
            echo "MARTLET_CPU=$name is not heeded"
            exit 1
        }
    done
    ;;
accuracy)
    build accuracy
    "$out/accuracy" "${@:2}"
    ;;
*)
    sed -n '2,4s/^# \?//p' "$0"
    exit 2
    ;;
esac
