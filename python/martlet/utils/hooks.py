"""Handles of registered hooks."""
import weakref
from collections import OrderedDict


class RemovableHandle:
    """What registering a hook returns: ``remove()`` takes the hook off again; also a context manager.

    Args:
        hooks_dict: the ordered dict that holds the hook under ``handle.id``.
        extra_dict: one more such dict, or a list of them, from which the entry goes away together with the hook.
    """

    next_id = 0

    def __init__(self, hooks_dict, *, extra_dict=None):
        self.id = RemovableHandle.next_id
        RemovableHandle.next_id += 1
        extras = extra_dict if isinstance(extra_dict, (list, tuple)) else (extra_dict,)
        self.hooks_dict_ref = weakref.ref(hooks_dict)
        self.extra_dict_ref = tuple(weakref.ref(d) for d in extras if d is not None)

    def remove(self):
        """Takes the hook off; a second call does nothing."""
        for reference in (self.hooks_dict_ref,) + self.extra_dict_ref:
            hooks = reference()
            if hooks is not None:
                hooks.pop(self.id, None)

    def __getstate__(self):
        return (self.hooks_dict_ref(), self.id, tuple(reference() for reference in self.extra_dict_ref))

    def __setstate__(self, state):
        def alive(hooks):
            return weakref.ref(hooks if hooks is not None else OrderedDict())

        self.hooks_dict_ref = alive(state[0])
        self.id = state[1]
        self.extra_dict_ref = tuple(alive(d) for d in (state[2] if len(state) > 2 else ()))
        RemovableHandle.next_id = max(RemovableHandle.next_id, self.id + 1)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.remove()
