"""Activation checkpointing: parts of a model keep nothing for the backward pass and are run again in it."""
import warnings

import martlet as torch

_UNSAID = (
    "torch.utils.checkpoint{}: the use_reentrant parameter should be passed explicitly. use_reentrant=False is "
    "recommended, but if you need to preserve the current default behavior, you can pass use_reentrant=True."
)
_function = None


def _checkpoint_function():
    """The autograd function, made on first use so that importing this module stays cheap."""
    global _function
    if _function is None:

        class CheckpointFunction(torch.autograd.Function):
            """Runs without recording; in the backward pass runs again, recording, and goes back through that."""

            @staticmethod
            def forward(ctx, run, preserve, link, *tensors):
                ctx.run, ctx.preserve = run, preserve
                if preserve:
                    ctx.random_state = torch.get_rng_state()
                ctx.save_for_backward(*tensors)
                with torch.no_grad():
                    return run(tensors)

            @staticmethod
            def backward(ctx, *grads):
                tensors = [t.detach().requires_grad_(t.requires_grad) for t in ctx.saved_tensors]
                now = torch.get_rng_state() if ctx.preserve else None
                try:
                    if ctx.preserve:
                        torch.set_rng_state(ctx.random_state)
                    with torch.enable_grad():
                        outputs = ctx.run(tensors)
                finally:
                    if ctx.preserve:
                        torch.set_rng_state(now)
                if isinstance(outputs, torch.Tensor):
                    outputs = (outputs,)
                pairs = [
                    (out, grad) for out, grad in zip(outputs, grads)
                    if isinstance(out, torch.Tensor) and out.requires_grad and grad is not None
                ]
                if pairs:
                    torch.autograd.backward([out for out, _ in pairs], [grad for _, grad in pairs])
                return (None, None, None) + tuple(t.grad if t.requires_grad else None for t in tensors)

        _function = CheckpointFunction
    return _function


def checkpoint(function, *args, use_reentrant=None, preserve_rng_state=True, context_fn=None, determinism_check=None,
               debug=False, early_stop=True, **kwargs):
    """``function(*args, **kwargs)`` without keeping what lies between for the backward pass.

    The function runs once more during ``backward``, where gradients reach its tensor arguments and
    any parameters it uses. The random state is the same in both runs unless ``preserve_rng_state``
    is False. With ``use_reentrant=True`` at least one argument must require grad. Gradients flow
    through ``backward``; ``autograd.grad`` reaches the arguments but not the parameters inside.

    Raises:
        ValueError: keyword arguments together with ``use_reentrant=True``.
    """
    if use_reentrant is None:
        warnings.warn(_UNSAID.format(""), stacklevel=2)
        use_reentrant = True
    if kwargs and use_reentrant:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    places = [i for i, arg in enumerate(args) if isinstance(arg, torch.Tensor)]

    def run(tensors):
        full = list(args)
        for i, tensor in zip(places, tensors):
            full[i] = tensor
        return function(*full, **kwargs)

    tensors = [args[i] for i in places]
    link = None
    if use_reentrant:
        if not any(t.requires_grad for t in tensors):
            warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2)
    elif torch.is_grad_enabled():
        link = torch.zeros(0, requires_grad=True)  # ties the output to the graph for the parameters inside
    return _checkpoint_function().apply(run, preserve_rng_state, link, *tensors)


def checkpoint_sequential(functions, segments, input, use_reentrant=None, **kwargs):
    """Runs a Sequential, or a list of functions, in ``segments`` parts, all but the last checkpointed."""
    if use_reentrant is None:
        warnings.warn(_UNSAID.format(".checkpoint_sequential"), stacklevel=2)
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    functions = list(functions.children() if isinstance(functions, torch.nn.Sequential) else functions)
    size = len(functions) // segments

    def part(start, end):
        def run(x):
            for function in functions[start:end]:
                x = function(x)
            return x

        return run

    end = 0
    for start in range(0, size * (segments - 1), size) if size else ():
        end = start + size
        input = checkpoint(
            part(start, end), input, use_reentrant=use_reentrant, preserve_rng_state=preserve
        )
    return part(end, len(functions))(input)
