"""Functional views of modules: functional_call, stack_module_state."""
from martlet.nn.utils._functional_call import functional_call


def stack_module_state(models):
    """(parameters, buffers) of models of one architecture, each stacked along a new first dimension."""
    import martlet as mt

    if len(models) == 0:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if not all(type(m) is type(models[0]) for m in models):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")

    def stacked(members):
        return {name: mt.stack([group[name].detach() for group in members]).requires_grad_(
            members[0][name].requires_grad) for name in members[0]}
    return (stacked([dict(m.named_parameters()) for m in models]),
            stacked([dict(m.named_buffers()) for m in models]))


__all__ = ["functional_call", "stack_module_state"]
