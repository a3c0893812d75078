"""The same lines of Python run on martlet and on torch, and everything they print compared.

    same('''
        x = torch.tensor([1., 2.], requires_grad=True)
        y = x * 2
        err(lambda: y.backward())
        show(y.grad_fn, x.grad)
    ''')

In a snippet `torch` is the module under test, `err(f)` prints the class and the message of what `f` raises, and
`show(...)` prints its arguments without the addresses that Python puts into reprs.
"""
import contextlib
import io
import re
import textwrap
import warnings

import martlet


def _texts(module, code):
    out = io.StringIO()

    def show(*values):
        text = " ".join(str(v) for v in values)
        print(re.sub(r" at 0x[0-9a-fA-F]+", "", text).replace("martlet.", "torch."), file=out)

    def err(call):
        try:
            result = call()
        except Exception as error:
            message = str(error).split("\nException raised from")[0]
            message = re.sub(r" at 0x[0-9a-fA-F]+", "", message).replace("martlet.", "torch.")
            print(f"{type(error).__name__}: {message}", file=out)
        else:
            print(f"no error: {result}", file=out)

    scope = {"torch": module, "show": show, "err": err, "__name__": "snippet"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with contextlib.redirect_stdout(out):
            try:
                exec(compile(textwrap.dedent(code), "<snippet>", "exec"), scope)
            except Exception as error:
                line = error.__traceback__.tb_next.tb_lineno if error.__traceback__.tb_next else 0
                print(f"stopped in line {line}: {type(error).__name__}: {error}", file=out)
    return out.getvalue().splitlines()


def same(code):
    """Asserts that a snippet prints the same on both, and prints something."""
    import torch
    expected = _texts(torch, code)
    found = _texts(martlet, code)
    assert expected, "the snippet prints nothing"
    assert not expected[-1].startswith("stopped in line"), f"the snippet fails on torch: {expected[-1]}"
    assert found == expected, "\n".join(
        f"{'  ' if a == b else '! '}{a!r}\n{'  ' if a == b else '= '}{b!r}" for a, b in zip(
            found + ["(missing)"] * (len(expected) - len(found)), expected + ["(missing)"] * (len(found) - len(expected))))
