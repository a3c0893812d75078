"""Calling a module with other tensors in the place of its parameters and buffers."""
from __future__ import annotations


_ABSENT = object()


def functional_call(module, parameters_and_buffers, args=None, kwargs=None, *, tie_weights=True, strict=False):
    """Run ``module(*args, **kwargs)`` with the tensors of a dict (or of several) of dotted names in place of its own.

    A tensor that the module holds under several names is replaced under all of them when
    ``tie_weights``; with ``strict`` every parameter and buffer must be given. The module is
    as before afterwards, also after an error.
    """
    if isinstance(parameters_and_buffers, dict):
        given = dict(parameters_and_buffers)
    elif isinstance(parameters_and_buffers, (list, tuple)):
        given = {}
        for part in parameters_and_buffers:
            if not isinstance(part, dict):
                raise ValueError("Expected all elements of parameters_and_buffers to be dictionaries")
            repeated = set(part) & set(given)
            if repeated:
                raise ValueError(f"{sorted(repeated)[0]} appears in multiple dictionaries; behavior of functional call "
                                 "is ambiguous")
            given.update(part)
    else:
        raise ValueError("Expected parameters_and_buffers to be a dict, or a list/tuple of dicts, but got "
                         f"{type(parameters_and_buffers)}")
    if args is None:
        args = ()
    elif not isinstance(args, tuple):
        args = (args,)

    # Where each name's tensor is kept: the module's own dict, and the key in it.
    places, by_tensor = {}, {}
    for prefix, owner in module.named_modules(remove_duplicate=False):
        for store in (owner._parameters, owner._buffers):
            for key, tensor in store.items():
                if tensor is not None:
                    name = f"{prefix}.{key}" if prefix else key
                    places[name] = (store, key)
                    by_tensor.setdefault(id(tensor), []).append(name)
    unknown = [name for name in given if name not in places]
    if strict:
        covered = set(given)
        if tie_weights:
            for names in by_tensor.values():
                if covered.intersection(names):
                    covered.update(names)
        missing = [name for name in places if name not in covered]
        if unknown or missing:
            parts = []
            if missing:
                parts.append("Missing key(s): " + ", ".join(f"'{n}'" for n in missing) + ".")
            if unknown:
                parts.append("Unexpected key(s): " + ", ".join(f"'{n}'" for n in unknown) + ".")
            raise RuntimeError("Error(s) in reparametrizing:\n\t" + "\n\t".join(parts))
    swaps = dict(given)
    for name in unknown:  # forward may still look for it
        prefix, _, key = name.rpartition(".")
        places[name] = (module.get_submodule(prefix)._parameters, key)
    if tie_weights:
        for names in by_tensor.values():
            replacements = [given[n] for n in names if n in given]
            if replacements:
                if any(r is not replacements[0] for r in replacements):
                    raise ValueError("functional_call got multiple values for keys " + str(sorted(names))
                                     + ", which are tied. Consider using tie_weights=False")
                for n in names:
                    swaps[n] = replacements[0]
    saved = []
    try:
        for name, tensor in swaps.items():
            store, key = places[name]
            saved.append((store, key, store.get(key, _ABSENT)))
            store[key] = tensor
        return module(*args, **(kwargs or {}))
    finally:
        for store, key, tensor in reversed(saved):
            if tensor is _ABSENT:
                store.pop(key, None)
            else:
                store[key] = tensor
