"""Single operations, W1, W9 and W13, for torch and Martlet. Each maker gives run(n), which does n of them."""
import numpy as np

import data


def repeated(expression, names, unroll=10):
    """run(n) that evaluates an expression n times; the loop's own cost is shared by `unroll` of them. The names become
    locals, which are quicker to find than globals."""
    body = f"        {expression}\n"
    source = (f"def run(n, {', '.join(f'{name}={name}' for name in names)}):\n    for _ in range(n // {unroll}):\n{body * unroll}"
              f"    for _ in range(n % {unroll}):\n{body}")
    scope = dict(names)
    exec(source, scope)
    return scope["run"]


def _pair(T, *shape, requires_grad=False):
    rng = np.random.default_rng(1)
    return [T.tensor(data.uniform(rng, *shape), requires_grad=requires_grad) for _ in range(2)]


def add_one(T, requires_grad):
    """W1: the sum of two tensors of one element."""
    a, b = _pair(T, 1, 1, requires_grad=requires_grad)
    return repeated("a + b", dict(a=a, b=b))


def backward_one(T):
    """W1: a product, its sum, and backward through both."""
    a, b = _pair(T, 1, 1, requires_grad=True)
    return repeated("(a * b).sum().backward()", dict(a=a, b=b))


KERNELS = {
    "add": "T.add(a, b)", "relu": "T.relu(a)", "exp": "T.exp(a)", "tanh": "T.tanh(a)", "sum": "a.sum()",
    "softmax": "F.softmax(rows, -1)", "layer_norm": "F.layer_norm(rows, (1000,))",
}


def kernel(T, name, n):
    """W9: an operation on n floats; softmax and layer_norm over rows of a thousand."""
    a, b = _pair(T, n)
    return repeated(KERNELS[name], dict(T=T, F=T.nn.functional, a=a, b=b, rows=a.view(-1, 1000)), unroll=2)


PRODUCTS = {"NN": "T.matmul(a, b)", "NT": "T.matmul(a, b.t())", "TN": "T.matmul(a.t(), b)"}


def product(T, layout, n):
    """W9: the product of two n by n matrices, either of them transposed."""
    a, b = _pair(T, n, n)
    return repeated(PRODUCTS[layout], dict(T=T, a=a, b=b), unroll=2)


def chain(T, nodes):
    """W13: one call is x * 1.00001 + 1e-7 until the graph has that many nodes, backward, and its release."""
    def run(n):
        for _ in range(n):
            x = start = T.tensor(1e-4, requires_grad=True)
            for _ in range(nodes // 2):
                x = x * 1.00001 + 1e-7
            x.backward()
        return start.grad
    return run
