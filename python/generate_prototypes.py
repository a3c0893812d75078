"""Writes martlet/_prototypes.py from include/martlet.h; `--check` only says whether it is up to date.

    python3 python/generate_prototypes.py [--check]
"""
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
HEADER = HERE.parent / "include" / "martlet.h"
OUTPUT = HERE / "martlet" / "_prototypes.py"

CODES = {"int32_t": "i", "uint32_t": "I", "int64_t": "q", "uint64_t": "Q", "mt_status": "i", "double": "d", "float": "f", "void": "v"}


def code(declaration: str, is_result: bool) -> str:
    """One letter for a C type: p pointer or handle, s text that ctypes may turn into bytes."""
    text = declaration.replace("const ", "").strip()
    if "(*" in text:
        return "p"
    if "*" in text:
        return "s" if is_result and declaration.startswith("const char") else "p"
    name = text.split()[0]
    if name in CODES:
        return CODES[name]
    if name.startswith("mt_"):
        return "p"
    raise SystemExit(f"martlet.h: no code for the type in {declaration!r}")


def split_parameters(text: str):
    depth, start = 0, 0
    for i, c in enumerate(text):
        depth += (c == "(") - (c == ")")
        if c == "," and depth == 0:
            yield text[start:i]
            start = i + 1
    yield text[start:]


def prototypes() -> dict:
    text = re.sub(r"/\*.*?\*/", " ", HEADER.read_text(), flags=re.S)
    text = re.sub(r"//[^\n]*", " ", text)
    found = {}
    for m in re.finditer(r"MT_API\s+([^;(]+?)\b(mt_\w+)\s*\((.*?)\)\s*;", text, flags=re.S):
        result, name, parameters = m.group(1).strip(), m.group(2), " ".join(m.group(3).split())
        args = "" if parameters in ("", "void") else "".join(code(p.strip(), False) for p in split_parameters(parameters))
        found[name] = code(result, True) + ":" + args
    return found


def render() -> str:
    lines = ['"""C prototypes, made from include/martlet.h by generate_prototypes.py: result:arguments."""', "", "PROTOTYPES = {"]
    lines += [f'    "{n}": "{s}",' for n, s in sorted(prototypes().items())]
    return "\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    fresh = render()
    if "--check" in sys.argv:
        stale = not OUTPUT.exists() or OUTPUT.read_text() != fresh
        print("stale: run python3 python/generate_prototypes.py" if stale else "up to date")
        sys.exit(stale)
    OUTPUT.write_text(fresh)
