#!/usr/bin/env bash
# Compiles all C for AArch64 and runs the checks of the kernels on an emulated one: results of the NEON loops against
# plain ones, random streams to the bit. On Debian: apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user.
# Without those, or without clang, it says so and stops.
set -euo pipefail
cd "$(dirname "$0")/.."
clang=$(dirname "$(command -v swift || echo /usr/bin/swift)")/clang
[ -x "$clang" ] || clang=$(command -v clang || true)
sysroot=/usr/aarch64-linux-gnu
for needed in "$clang" aarch64-linux-gnu-gcc qemu-aarch64; do
    command -v "$needed" >/dev/null || {
        echo "not checked: ${needed:-clang} is missing"
        exit 3
    }
done
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
compile() {
    "$clang" --target=aarch64-linux-gnu -isystem $sysroot/include -O2 -std=gnu11 -Wall -Werror -Iinclude -c "$@"
}
for source in Sources/MartletKernels/*.c; do
    compile -ISources/MartletKernels/include "$source" -o "$out/$(basename "$source").o"
done
for source in Sources/MartletBridge/*.c Sources/Example*/*.c Sources/BenchmarkC/*.c; do
    compile -ISources/MartletBridge/include "$source" -o "$out/unused"
done
echo "all C compiles"
for program in check_kernels accuracy; do
    compile Tests/Kernels/$program.c -o "$out/$program"
    aarch64-linux-gnu-gcc "$out/$program" "$out"/*.c.o -o "$out/$program.run" -lm -ldl -lpthread
done
run() { qemu-aarch64 -L $sysroot "$@"; }
run "$out/check_kernels.run"
for name in neon generic; do
    [ "$(MARTLET_CPU=$name run "$out/check_kernels.run" chosen)" = $name ]
done
run "$out/accuracy.run" 20011
# The inner loop of the largest tile: 24 multiply-adds by lanes, nothing on the stack.
objdump=$(dirname "$clang")/llvm-objdump
[ -x "$objdump" ] || objdump=aarch64-linux-gnu-objdump
"$objdump" -d "$out/isa_neon.c.o" >"$out/listing"
awk '
    /^[0-9a-f]+ <.*>:/ { inside = $2 == "<tile_12_2_1_f32_neon>:"; count = 0 }
    inside && count > 0 && count < 24 && /\[sp/ { stack++ }
    inside && /fmla.*v[0-9]+\.4s, v[0-9]+\.4s, v[0-9]+\.s\[/ { count++; most = count }
    END { printf "tile of 12 x 8: %d multiply-adds, %d uses of the stack\n", most, stack; exit most != 24 || stack > 0 }
' "$out/listing"
