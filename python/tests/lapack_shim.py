"""A library that has another LAPACK's functions under their common names and with integers of 32 bits, made by the C compiler.

With it both interfaces are tested, and what happens where LAPACK does not converge: the functions that LAPACK_FAILS names in
the environment say so without having tried."""
import shutil
import subprocess

# Arguments, each by address: a letter, an integer, numbers, a list of integers.
FUNCTIONS = {
    "getrf": "i i n i l i", "potrf": "c i n i i", "trsm": "c c c c i i n n i n i", "trsv": "c c c i n i n i",
    "geqrf": "i i n i n n i i", "orgqr": "i i i n i n n i i",
    "gesdd": "c i i n i n n i n i n i l i", "gesvd": "c c i i n i n n i n i n i i",
    "gebrd": "i i n i n n n n n i i", "bdsdc": "c c i n n n i n i n l n l i", "ormbr": "c c c i i i n i n n i n i i",
    "syevd": "c c i n i n n i l i i",
    "gels": "c i i i n i n i n i i", "gelsy": "i i i n i n i l n i n i i", "gelsd": "i i i n i n i n n i n i l i",
    "gelss": "i i i n i n i n n i n i i",
}
HEAD = """
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
static void *find(const char *name) {
    static void *handle;
    if (!handle) handle = dlopen("%s", RTLD_NOW);
    return dlsym(handle, name);
}
static int fails(const char *name) {
    const char *names = getenv("LAPACK_FAILS");
    return names && strstr(names, name);
}
#define GEMM(T, name) \\
    void name(int o, int ta, int tb, int m, int n, int k, T alpha, const T *a, int lda, const T *b, int ldb, T beta, T *c, int ldc) { \\
        void (*f)(int, int, int, int64_t, int64_t, int64_t, T, const T *, int64_t, const T *, int64_t, T, T *, int64_t) = \\
            find("scipy_" #name "64_"); \\
        f(o, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc); \\
    }
GEMM(float, cblas_sgemm)
GEMM(double, cblas_dgemm)
"""


def _function(name, arguments):
    kinds = arguments.split()
    types = {"c": "const char *", "i": "int32_t *", "n": "void *", "l": "int32_t *"}
    parameters = ", ".join(f"{types[kind]}a{i}" for i, kind in enumerate(kinds))
    integers = [i for i, kind in enumerate(kinds) if kind == "i"]
    lists = [i for i, kind in enumerate(kinds) if kind == "l"]
    passed = [f"&w{i}" if kind == "i" else f"w{i}" if kind == "l" else f"a{i}" for i, kind in enumerate(kinds)]
    declared = ", ".join(["const char *" if kind == "c" else "void *" if kind == "n" else "int64_t *" for kind in kinds] + ["size_t"] * 4)
    lines = [f"void {name}_({parameters}) {{", f"void (*f)({declared}) = find(\"scipy_{name}_64_\");"]
    lines += [f"int64_t w{i} = *a{i};" for i in integers]
    lines += [f"int64_t *w{i} = calloc(1 << 16, 8);" for i in lists]
    asks = " || ".join(f"w{i} == -1" for i in integers)
    lines += [f"if (fails(\"{name[1:]}\") && !({asks})) {{ *a{integers[-1]} = 1; return; }}"]
    lines += [f"f({', '.join(passed)}, 1, 1, 1, 1);"]
    lines += [f"if (*a{i} != w{i}) *a{i} = (int32_t)w{i};" for i in integers]
    for i in lists:  # pivots, or the length that was asked for
        count = "(w0 < w1 ? w0 : w1)" if name.endswith("getrf") else "1"
        lines += [f"for (int64_t k = 0; a{i} && k < {count}; k++) a{i}[k] = (int32_t)w{i}[k];", f"free(w{i});"]
    return "\n".join(lines + ["}", ""])


def build(openblas, folder):
    """The library's path; None without a C compiler, or where `openblas` is not one with scipy_ before its names."""
    if shutil.which("cc") is None or "scipy_openblas64" not in openblas:
        return None
    source, library = folder / "shim.c", folder / "libshim.so"
    source.write_text(HEAD % openblas + "\n".join(_function(p + name, a) for name, a in FUNCTIONS.items() for p in "sd"))
    subprocess.run(["cc", "-shared", "-fPIC", str(source), "-o", str(library), "-ldl"], check=True)
    return str(library)
