"""Handles of registered hooks."""
import itertools
import weakref

_ids = itertools.count()


class RemovableHandle:
    """What registering a hook returns: ``remove()`` unregisters it; also a context manager.

    Args:
        hooks_dict: the ordered dict that holds the hook under ``handle.id``.
        extra_dict: other dicts (one, or a list of them) to clear of the same id on removal.
    """

    def __init__(self, hooks_dict, *, extra_dict=None):
        self.id = next(_ids)
        self._dicts = [_reference(hooks_dict)]
        if extra_dict is not None:
            extra = extra_dict if isinstance(extra_dict, list) else [extra_dict]
            self._dicts += [_reference(d) for d in extra]

    def remove(self):
        """Unregisters the hook; a second call does nothing."""
        for reference in self._dicts:
            hooks = reference()
            if hooks is not None:
                hooks.pop(self.id, None)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.remove()


def _reference(hooks):
    """A weak reference where the dict allows one (OrderedDict does, plain dict does not)."""
    try:
        return weakref.ref(hooks)
    except TypeError:
        return lambda: hooks
