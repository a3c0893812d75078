"""Derivatives checked against finite differences."""
from .._tensor import Tensor
from . import grad


class GradcheckError(RuntimeError):
    """A derivative that differs from its finite difference."""


def _tuple(x):
    return (x,) if isinstance(x, Tensor) else tuple(x)


def _differentiable(outputs):
    return [o for o in _tuple(outputs) if isinstance(o, Tensor) and o.dtype.is_floating_point]


def _numerical(call, leaf, eps, count):
    """For each output, a matrix d(output)/d(leaf) by central differences: a list of columns, one per element."""
    flat = leaf.data.contiguous().view(-1)
    shape = tuple(leaf.shape)
    original = flat.clone()
    columns = []
    for i in range(flat.numel()):
        values = []
        for sign in (1, -1):
            moved = original.clone()
            moved[i] += sign * eps
            leaf.data.copy_(moved.view(shape))
            values.append([o.detach().clone() for o in _differentiable(call())])
        columns.append([((a - b) / (2 * eps)).reshape(-1) for a, b in zip(*values)])
    leaf.data.copy_(original.view(shape))
    return [[column[k] for column in columns] for k in range(count)]


def gradcheck(func, inputs, *, eps=1e-6, atol=1e-5, rtol=1e-3, raise_exception=True, nondet_tol=0.0,
              check_undefined_grad=True, check_grad_dtypes=False, check_batched_grad=False, check_batched_forward_grad=False,
              check_forward_ad=False, check_backward_ad=True, fast_mode=False, masked=None):
    """Compares the gradients of func(*inputs) with central differences, element by element.

    Inputs should be float64. Returns True, or raises GradcheckError (returns False with raise_exception=False).
    """
    inputs = _tuple(inputs)
    try:
        return _check(func, inputs, eps, atol, rtol, nondet_tol)
    except GradcheckError:
        if raise_exception:
            raise
        return False


def _check(func, inputs, eps, atol, rtol, nondet_tol):
    import warnings
    leaves = [(i, t) for i, t in enumerate(inputs) if isinstance(t, Tensor) and t.requires_grad]
    if not leaves:
        raise ValueError("gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True.")
    for i, t in leaves:
        if t.dtype.itemsize < 8:
            warnings.warn(f"Input #{i} requires gradient and is not a double precision floating point or complex. This check will likely fail if all the inputs are not of double precision floating point or complex. ")
    call = lambda: func(*inputs)  # noqa: E731
    outputs = _differentiable(call())
    if not outputs:
        raise ValueError("gradcheck: the function has no floating-point output")
    for position, (i, leaf) in enumerate(leaves):
        numeric = _numerical(call, leaf, eps, len(outputs))
        for k, out in enumerate(outputs):
            if not out.requires_grad:
                analytic = None
            fresh = _differentiable(call())[k]
            n = leaf.numel()
            for row in range(fresh.numel()):
                seed = fresh.new_zeros(fresh.numel())
                seed[row] = 1
                g = None
                if fresh.requires_grad:
                    g = grad([fresh], [leaf], [seed.view(tuple(fresh.shape))], retain_graph=True, allow_unused=True)[0]
                    if g is not None and g.is_sparse:
                        g = g.to_dense()
                    if nondet_tol == 0.0 and row == 0 and g is not None:
                        again = grad([fresh], [leaf], [seed.view(tuple(fresh.shape))], retain_graph=True, allow_unused=True)[0]
                        again = again.to_dense() if again.is_sparse else again
                        if not bool((again == g).logical_or(again.isnan()).all()):
                            raise GradcheckError("Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives different values")
                analytic = [0.0] * n if g is None else g.reshape(-1).tolist()
                expected = [numeric[k][column][row].item() for column in range(n)]
                for column, (a, b) in enumerate(zip(analytic, expected)):
                    if not abs(a - b) <= atol + rtol * abs(b) and not (a != a and b != b):
                        raise GradcheckError(
                            f"Jacobian mismatch for output {k} with respect to input {position},\n"
                            f"numerical: {b} at element {column} of the input and {row} of the output\nanalytical: {a}\n")
    return True


def gradgradcheck(func, inputs, grad_outputs=None, *, eps=1e-6, atol=1e-5, rtol=1e-3, gen_non_contig_grad_outputs=False,
                  raise_exception=True, nondet_tol=0.0, check_undefined_grad=True, check_grad_dtypes=False,
                  check_batched_grad=False, check_fwd_over_rev=False, check_rev_over_rev=True, fast_mode=False, masked=False):
    """gradcheck of the gradients: second derivatives against central differences of first ones."""
    import martlet
    inputs = _tuple(inputs)
    outputs = _differentiable(func(*inputs))
    if grad_outputs is None:
        seeds = [martlet.randn(tuple(o.shape), dtype=o.dtype).requires_grad_() for o in outputs]
    else:
        seeds = list(_tuple(grad_outputs))
    count = len(seeds)

    def gradient(*args):
        arguments, weights = args[:-count], args[-count:]
        leaves = [a for a in arguments if isinstance(a, Tensor) and a.requires_grad]
        outs = _differentiable(func(*arguments))
        results = grad(outs, leaves, list(weights), create_graph=True, allow_unused=True)
        return tuple(r for r in results if r is not None)

    return gradcheck(gradient, tuple(inputs) + tuple(seeds), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception,
                     nondet_tol=nondet_tol)
