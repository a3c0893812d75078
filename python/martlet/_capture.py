"""Capture: a function recorded once and then made again as a list of kernel launches."""
import ctypes

from ._native import CaptureError, fail, lib
from ._ops.results import wrap
from ._tensor import Tensor

_new = object.__new__
_HERE = __file__.rsplit("/", 1)[0]


class _Info(ctypes.Structure):
    """mt_capture_info of martlet.h."""

    _fields_ = [("size", ctypes.c_uint32), ("rates", ctypes.c_int32), ("launches", ctypes.c_int64),
                ("bytes", ctypes.c_int64), ("strays", ctypes.c_int32), ("reserved", ctypes.c_int32)]


#: What a replay gives that could not be made.
_UNFIT = object()

#: The recording that is being made, for the optimizers; see note_update. Another thread than the recording one finds it
#: too, but for it the library does not record.
_recording = None


def records():
    """Whether this thread records."""
    return _recording is not None and lib.mt_capture_active() == 1


#: Which rows of which parameters optimizers may change; see optim/_rows.py. id(parameter) -> (reference, policy).
policies = {}


def home():
    """What stands for the recording that this thread makes, or None."""
    return _recording.mark if records() else None


def update(optimizer, group, *lists):
    """An optimizer's update of parameters of a group."""
    if not records():
        return optimizer._update(group, *lists)
    if optimizer._home is _recording.mark:
        lib.mt_capture_keep_state(0)
        try:
            optimizer._update(group, *lists)
        finally:
            lib.mt_capture_keep_state(1)
    else:
        first = lib.mt_capture_rates()
        optimizer._update(group, *lists)
        _recording.groups.append((group, first, lib.mt_capture_rates()))


def own_step(optimizer):
    """Notes that a step which is not the base class's may read anything of its groups."""
    if records() and optimizer._home is not _recording.mark:
        _recording.groups += [(group, None, None) for group in optimizer.param_groups]


def rate(lr):
    """A learning rate as a float64 tensor; replays find the number that it is then in the group of the optimizer."""
    return wrap(lib.mt_capture_rate(lr))


def make_state(optimizer, *args):
    """An optimizer's first state of a parameter. It is no part of a recording, whose replays only change it, unless the
    optimizer is made there, too."""
    if not records() or optimizer._home is _recording.mark:
        return optimizer._init_state(*args)
    handle = _recording.handle
    lib.mt_capture_pause(handle, 1)
    try:
        return optimizer._init_state(*args)
    finally:
        lib.mt_capture_pause(handle, 0)


def count(optimizer, state):
    """The tensor in which an update counts whose optimizer has an int for ``state["step"]``; replays set that int."""
    from . import float64, full
    if optimizer._home is not None and optimizer._home is home():
        return full((), state["step"], dtype=float64)
    count = wrap(lib.mt_number_f64(state["step"]))
    if records():
        _recording.counts.append((state, count))
    return count


def move_counts(part, state):
    """What was noted of the counts in `part` is true of `state`."""
    if records():
        _recording.counts = [(state if known is part else known, count) for known, count in _recording.counts]


class _Recording:
    """One recorded run: the library's handle, what its results look like, and the hyperparameters it used."""

    def __init__(self):
        self.handle = None
        self.mark = object()
        # (parameter group, number of its first rate, end, its hyperparameters as _known makes them); no numbers where the
        # rate may have been read in any way
        self.groups = []
        self.counts = []    # (an optimizer's state of a parameter whose "step" is an int, the tensor in which replays count)
        self.kept = []      # inputs that stand for themselves

    def ready(self, n_inputs, n_results):
        """Prepares what every replay uses."""
        self.inputs, self.results = n_inputs, n_results
        self.given = (ctypes.c_void_p * n_inputs)() if n_inputs else None
        self.out = (ctypes.c_void_p * n_results)() if n_results else None
        if self.counts:
            self.__class__ = _CountedRecording

    def follows(self):
        """Takes over learning rates that changed since; whether nothing else about the optimizers did."""
        for i, (group, first, end, known) in enumerate(self.groups):
            now = [*group.values()]
            if known == now:
                continue
            rest, lr = dict(zip(group, known)), group.get("lr")
            if first is None or isinstance(lr, Tensor) or isinstance(rest.get("lr"), _This):
                return False
            rest["lr"] = lr
            if rest != group:
                return False
            for k in range(first, end):
                lib.mt_capture_set_rate(self.handle, k, lr)
            self.groups[i] = group, first, end, _known(group)
        return True

    def replay(self, inputs, function=lib.mt_capture_replay, trying=False):
        """The results of a replay, in the shape of the function's; UNFIT where the recording does not fit the gradients
        that it meets, or, with `trying`, the inputs."""
        given, out = self.given, self.out
        i = 0
        for t in inputs:
            given[i] = t._h
            i += 1
        status = function(self.handle, given, i, out)
        if status:
            if status == -12 or (trying and status == -4 and lib.mt_last_error_message().startswith(b"replay:")):
                lib.mt_clear_error()
                return _UNFIT
            fail()
        if self.shape.__class__ is _Place:
            t = _new(Tensor)
            t._h = out[0]
            return t
        made = []
        for i in range(self.results):
            t = _new(Tensor)
            t._h = out[i]
            made.append(t)
        return _assemble(self.shape, made)

    def __del__(self, release=lib.mt_capture_release):
        if self.handle:
            release(self.handle)


class _This:
    """Stands for a tensor among hyperparameters: equal to that tensor alone."""

    def __init__(self, tensor):
        self.tensor = tensor

    def __eq__(self, other):
        return other is self.tensor


def _known(group):
    """The hyperparameters of a parameter group. Values of tensors are read by replays: they may change."""
    def kept(value):
        if isinstance(value, Tensor):
            return _This(value)
        return tuple([kept(v) for v in value]) if value.__class__ is tuple else value
    return [kept(value) for value in group.values()]


class _CountedRecording(_Recording):
    """One with optimizers that keep counts as ints, which may be changed between replays."""

    def replay(self, *args, **kwargs):
        for state, count in self.counts:
            count.fill_(state["step"])
        try:
            return super().replay(*args, **kwargs)
        finally:
            for state, count in self.counts:
                state["step"] = int(count.item())


class Capture:
    """What ``martlet.capture`` returns: call it like the function.

    Attributes:
        recordings: how many recordings there are.
    """

    def __init__(self, function, limit=64):
        if not callable(function):
            raise TypeError(f"capture(): argument 'function' must be callable, not {type(function).__name__}")
        self._function = function
        self._limit = limit
        self._seen = set()
        self._recordings = {}
        self._latest = None  # the last recording replayed for nothing but tensors that are copied in
        self.__doc__ = getattr(function, "__doc__", None)
        self.__name__ = getattr(function, "__name__", "capture")

    @property
    def recordings(self):
        return len(self._recordings)

    def __call__(self, *args, **kwargs):
        if records():  # within another capture this is part of that
            return self._function(*args, **kwargs)
        # Most calls are like the one before: then the library compares sizes and dtypes, and no key is made.
        latest = self._latest
        if latest is not None and len(args) == latest.inputs and not kwargs and not policies and latest.follows():
            for a in args:
                if a.__class__ is not Tensor or a.requires_grad:
                    break
            else:
                result = latest.replay(args, trying=True)
                if result is not _UNFIT:
                    return result
        key, inputs = _key(args, kwargs)
        recording = self._recordings.get(key)
        if recording is not None:
            plain = not kwargs and len(inputs) == len(args) and not any(t.requires_grad for t in inputs)
            result = recording.replay(inputs) if recording.follows() else _UNFIT
            if result is not _UNFIT:
                self._latest = recording if plain and not policies else None
                return result
            self._latest = None
            del self._recordings[key]
        elif key not in self._seen:
            self._seen.add(key)
            return _detached(self._function(*args, **kwargs))
        if len(self._recordings) >= self._limit:
            raise CaptureError(
                f"capture: {self.__name__} was called with more than {self._limit} different kinds of arguments; "
                "raise limit= or pad the inputs")
        recording, result = self._record(args, kwargs)
        self._recordings[key] = recording
        return result

    def replay_many(self, *args, **kwargs):
        """The function once for each index of the leading dimension that all tensors among the arguments have in
        common, in one call of the library; returns the results stacked likewise.

        Runs go one by one until there is a recording for arguments of these kinds (two runs at most).
        """
        _, tensors = _key(args, kwargs)
        if not tensors or any(t.dim() == 0 or t.size(0) != tensors[0].size(0) for t in tensors):
            raise ValueError("replay_many(): the tensors among the arguments need one leading dimension of runs")
        first, total = [], tensors[0].size(0)
        for i in range(total):
            one_args, one_kwargs = _map((args, kwargs), lambda t: t[i])
            recording = self._recordings.get(_key(one_args, one_kwargs)[0])
            if recording is not None and recording.follows():
                rest = recording.replay([t[i:] for t in tensors], lib.mt_capture_replay_many)
                if rest is not _UNFIT:
                    return _join(first, rest) if first else rest
            first.append(self(*one_args, **one_kwargs))
        return _join(first, None)

    def _record(self, args, kwargs):
        global _recording
        recording = _Recording()
        recording.handle = lib.mt_capture_begin()
        if not recording.handle:
            fail()

        def place(t):
            h = lib.mt_capture_input(recording.handle, t._h)
            if not h:
                fail()
            made = _new(Tensor)
            made._h = h
            recording.kept.append(t if t.requires_grad else made)
            return recording.kept[-1]

        outer, _recording = _recording, recording
        try:
            given_args, given_kwargs = _map((args, kwargs), place)
            result = self._function(*given_args, **given_kwargs)
            tensors = []
            recording.shape = _template(result, tensors)
            results = (ctypes.c_void_p * max(len(tensors), 1))(*[t._h for t in tensors])
            if lib.mt_capture_end(recording.handle, results, len(tensors)):
                fail()
        except CaptureError as error:
            raise CaptureError(_with_line(error)) from None
        finally:
            _recording = outer
            if lib.mt_capture_active():
                lib.mt_capture_abandon(recording.handle)
        recording.ready(len(recording.kept), len(tensors))
        result = _assemble(recording.shape, [t.detach().clone() for t in tensors])
        del tensors, results
        recording.kept = [t for t in recording.kept if t.requires_grad]
        recording.groups = [(group, first, end, _known(group)) for group, first, end in recording.groups]
        info = _Info(ctypes.sizeof(_Info))
        lib.mt_capture_get_info(recording.handle, ctypes.addressof(info))
        if info.strays:
            import warnings
            warnings.warn(
                f"capture: {info.strays} tensors made inside {self.__name__} are still held outside of it; later calls "
                "write to their memory instead of making new ones (update state in place, with copy_())", stacklevel=3)
        return recording, result

    def __get__(self, instance, owner):
        """As a method: one capture for each instance."""
        if instance is None:
            return self
        name = f"_captured_{self.__name__}"
        made = instance.__dict__.get(name)
        if made is None:
            made = Capture(self._function.__get__(instance, owner), self._limit)
            object.__setattr__(instance, name, made)
        return made

    def __repr__(self):
        return f"<martlet.capture of {self.__name__}, {self.recordings} recordings>"


def capture(function=None, *, limit=64):
    """Records what a function does and then does it again without Python, graph or allocation.

    The first call with arguments of new kinds runs the function as it is (so that optimizer state exists), the second
    runs it while every kernel launch is noted, and later calls only make the launches again: forward pass, ``backward``
    or ``autograd.grad`` (with ``create_graph`` too), optimizer step, random draws. Every call does the work of exactly
    one run; results are bit-identical to the function's own. Returned tensors carry no history.

    Tensor arguments are copied in (those that require gradients, and tensors the function finds elsewhere, are used
    where they are). Their shapes and dtypes, and the values of all other arguments, select the recording: what the
    function decides in Python must follow from them. State that lives in tensors must be updated in place. Learning
    rates are read from the optimizers' groups at each call, those that are tensors, and Adam's betas that are, where they
    lie. A change of another hyperparameter, or of any where the optimizer's class has a step of its own, or of which
    parameters have a gradient when the function begins, records anew, and so do other row policies
    (``optim.restrict_rows``) and a state that was loaded into an optimizer.

    Python code runs while recording only. That goes for hooks too, of modules, tensors, autograd nodes and optimizers, as
    it does in torch's CUDA graphs: what they do to tensors is part of every replay; what else they do (counting, printing,
    choosing by a number in Python) is not done again. What must happen at each call stands outside of the function.

    Linear algebra, random draws, sparse gradients and all optimizers can be captured, ``differentiable`` ones, too. An
    optimizer that the function makes begins anew at each call, as it does without capture. What a kernel finds wrong with its
    values (an index out of range, a singular matrix) is raised by the call that meets it; what the function would have
    done after that is not done.

    Args:
        function: what to capture; may be given later, so that ``@martlet.capture`` and ``@martlet.capture(limit=8)`` work.
        limit: recordings kept; a call that would need one more raises CaptureError.

    Returns:
        A callable of the same arguments; see :class:`Capture` for ``replay_many``.

    Raises:
        CaptureError: at the line that reads a tensor's values into Python (``item()``, a branch on data, ``print``) or
            calls an operation whose result has a size that depends on values (``nonzero``, ``unique``, ...).

    Example::

        @martlet.capture
        def step(x, y):
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            return loss
    """
    if function is None:
        return lambda f: Capture(f, limit)
    return Capture(function, limit)


# ---- Nested arguments and results ------------------------------------------------------------------------------------

def _key(args, kwargs):
    """What selects the recording of a call, and the tensors among the arguments."""
    tensors = []
    rows = tuple([(k, policy.numbers) for k, (_, policy) in policies.items()]) if policies else None
    return (_describe(args, tensors), _describe(kwargs, tensors) if kwargs else None, rows), tensors


def _describe(value, tensors):
    """A hashable description of arguments, in which a tensor counts by its shape and dtype, or, where it requires
    gradients, by itself; lists the tensors met."""
    kind = value.__class__
    if isinstance(value, Tensor):
        tensors.append(value)
        if value.requires_grad:
            return id(value)
        return value.shape, value.dtype
    if kind is tuple or kind is list:
        return kind, tuple([_describe(v, tensors) for v in value])
    if kind is dict:
        return dict, tuple([(k, _describe(v, tensors)) for k, v in value.items()])
    try:
        hash(value)
    except TypeError:
        raise CaptureError(
            f"capture: an argument of type {kind.__name__} cannot select a recording: it may change unseen, as it is not "
            "hashable; pass tensors, numbers, and tuples, lists and dicts of them") from None
    return kind, value


def _map(value, function):
    """The same nesting with every tensor replaced."""
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, tuple):
        made = [_map(v, function) for v in value]
        return type(value)(*made) if hasattr(value, "_fields") else tuple(made)
    if value.__class__ is list:
        return [_map(v, function) for v in value]
    if value.__class__ is dict:
        return {k: _map(v, function) for k, v in value.items()}
    return value


class _Place:
    """Stands for a tensor in the shape of a result."""

    __slots__ = ("number",)

    def __init__(self, number):
        self.number = number


def _template(value, tensors):
    def place(t):
        tensors.append(t)
        return _Place(len(tensors) - 1)
    if value is not None and not isinstance(value, (Tensor, tuple, list, dict, int, float, bool, str)):
        raise CaptureError(f"capture: the function returned {type(value).__name__}; it may return tensors, numbers and "
                           "tuples, lists and dicts of them")
    return _map(value, place)


def _assemble(template, tensors):
    kind = template.__class__
    if kind is _Place:
        return tensors[template.number]
    if isinstance(template, tuple):
        made = [_assemble(v, tensors) for v in template]
        return type(template)(*made) if hasattr(template, "_fields") else tuple(made)
    if kind is list:
        return [_assemble(v, tensors) for v in template]
    if kind is dict:
        return {k: _assemble(v, tensors) for k, v in template.items()}
    return template


def _detached(value):
    return _map(value, lambda t: t.detach())


def _join(first, rest):
    """Results of single runs, stacked, followed by results that are stacked already."""
    from . import cat, stack
    head = first[0]
    if isinstance(head, Tensor):
        stacked = stack(first)
        return stacked if rest is None else cat([stacked, rest])
    if isinstance(head, (tuple, list)):
        made = [_join([f[i] for f in first], None if rest is None else rest[i]) for i in range(len(head))]
        return type(head)(made)
    if isinstance(head, dict):
        return {k: _join([f[k] for f in first], None if rest is None else rest[k]) for k in head}
    return head


def _with_line(error):
    """The error's message with the last line of the caller's own code."""
    import traceback
    message = str(error)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith(_HERE) and not frame.filename.startswith("<martlet"):
            return f"{message}\n  at {frame.filename}:{frame.lineno}: {frame.line}"
    return message
