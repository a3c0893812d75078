"""Jacobians, Hessians and their products with vectors, by repeated backward passes."""
from .._tensor import Tensor
from . import grad


def _tuple(x):
    return (x,) if isinstance(x, Tensor) else tuple(x)


def _prepare(inputs, create_graph):
    return tuple(i.view_as(i) if create_graph and i.requires_grad else i.detach().requires_grad_() for i in inputs)


def _zeros(g, like, strict, what):
    if g is None:
        if strict:
            raise RuntimeError(f"Output of the user-provided function is independent of {what}. This is not allowed in strict mode.")
        return like.new_zeros(tuple(like.shape))
    return g


def jacobian(func, inputs, create_graph=False, strict=False, vectorize=False, strategy="reverse-mode"):
    """d func / d inputs: for each output and input, a tensor of shape output x input."""
    single_in = isinstance(inputs, Tensor)
    xs = _prepare(_tuple(inputs), create_graph)
    outputs = func(*xs)
    single_out = isinstance(outputs, Tensor)
    import martlet
    rows = []
    for out in _tuple(outputs):
        per_input = [[] for _ in xs]
        flat = out.reshape(-1)
        for k in range(flat.numel()):
            if flat.requires_grad:
                gs = grad([flat[k]], list(xs), retain_graph=True, create_graph=create_graph, allow_unused=True)
            else:
                gs = [None] * len(xs)
            for i, g in enumerate(gs):
                per_input[i].append(_zeros(g, xs[i], strict, f"input {i}"))
        parts = tuple(
            martlet.stack(p).view(tuple(out.shape) + tuple(x.shape)) if p else x.new_zeros(tuple(out.shape) + tuple(x.shape))
            for p, x in zip(per_input, xs))
        rows.append(parts[0] if single_in else parts)
    return rows[0] if single_out else tuple(rows)


def hessian(func, inputs, create_graph=False, strict=False, vectorize=False, outer_jacobian_strategy="reverse-mode"):
    """Second derivatives of a function with one element as output."""
    single = isinstance(inputs, Tensor)

    def gradient(*xs):
        out = func(*xs)
        if out.numel() != 1:
            raise RuntimeError("The Tensor returned by the function given to hessian should contain a single element")
        gs = grad([out.reshape(())], list(xs), create_graph=True, allow_unused=True)
        gs = tuple(_zeros(g, x, strict, "an input") for g, x in zip(gs, xs))
        return gs[0] if single else gs
    return jacobian(gradient, inputs, create_graph=create_graph, strict=strict)


def vjp(func, inputs, v=None, create_graph=False, strict=False):
    """(func(inputs), v times its Jacobian)."""
    single = isinstance(inputs, Tensor)
    xs = _prepare(_tuple(inputs), create_graph)
    outputs = func(*xs)
    seeds = None if v is None else list(_tuple(v))
    gs = grad(list(_tuple(outputs)), list(xs), seeds, create_graph=create_graph, allow_unused=True)
    gs = tuple(_zeros(g, x, strict, "an input") for g, x in zip(gs, xs))
    if not create_graph:
        outputs = outputs.detach() if isinstance(outputs, Tensor) else tuple(o.detach() for o in outputs)
    return outputs, gs[0] if single else gs


def jvp(func, inputs, v=None, create_graph=False, strict=False):
    """(func(inputs), its Jacobian times v), by differentiating the vjp with respect to its seed."""
    xs = _prepare(_tuple(inputs), create_graph)
    outputs = func(*xs)
    single = isinstance(outputs, Tensor)
    outs = list(_tuple(outputs))
    vs = [x.new_ones(tuple(x.shape)) for x in xs] if v is None else list(_tuple(v))
    seeds = [o.new_zeros(tuple(o.shape)).requires_grad_() for o in outs]
    gs = grad(outs, list(xs), seeds, create_graph=True, allow_unused=True)
    pairs = [(g, w) for g, w in zip(gs, vs) if g is not None and g.requires_grad]
    ts = grad([g for g, _ in pairs], seeds, [w for _, w in pairs], create_graph=create_graph, allow_unused=True) if pairs else [None] * len(outs)
    ts = tuple(_zeros(t, o, strict, "an input") for t, o in zip(ts, outs))
    if not create_graph:
        outputs = outputs.detach() if single else tuple(o.detach() for o in outs)
    return outputs, ts[0] if single else ts


def hvp(func, inputs, v=None, create_graph=False, strict=False):
    """(func(inputs), its Hessian times v)."""
    single = isinstance(inputs, Tensor)
    xs = _prepare(_tuple(inputs), create_graph)
    out = func(*xs)
    gs = grad([out], list(xs), create_graph=True, allow_unused=True)
    vs = None if v is None else list(_tuple(v))
    pairs = [(g, w) for g, w in zip(gs, vs or [None] * len(gs)) if g is not None and g.requires_grad]
    hs = grad([g for g, _ in pairs], list(xs), [w for _, w in pairs], create_graph=create_graph, allow_unused=True) if pairs else [None] * len(xs)
    hs = tuple(_zeros(h, x, strict, "an input") for h, x in zip(hs, xs))
    return (out if create_graph else out.detach()), hs[0] if single else hs


vhp = hvp
