"""Random tensors: creation, draws with tensors as parameters, and in-place fills."""
from . import finish, integer, ints, number, op, resolve, separate_ints, table, type_name, wrap
from .._native import fail, lib
from .._types import contiguous_format, require_cpu

table("""
tm multinomial(input: T, num_samples: int, replacement: bool=False, *, generator: gen=None) = mt_multinomial
t  poisson(input: T, generator: gen=None) = mt_poisson
m  normal_(input: T, mean: float=0.0, std: float=1.0, *, generator: gen=None) = mt_normal_ -> self
m  log_normal_(input: T, mean: float=1.0, std: float=2.0, *, generator: gen=None) = mt_log_normal_ -> self
m  exponential_(input: T, lambd: float=1.0, *, generator: gen=None) = mt_exponential_ -> self
m  cauchy_(input: T, median: float=0.0, sigma: float=1.0, *, generator: gen=None) = mt_cauchy_ -> self
m  geometric_(input: T, p: float, *, generator: gen=None) = mt_geometric_ -> self
""")


#: MT_NONE of martlet.h.
_NOT_GIVEN = -(2 ** 63)


def _generator(generator, name):
    """The handle of a generator, None for the default one."""
    if generator is None:
        return None
    try:
        return generator._g
    except AttributeError:
        raise TypeError(f"{name}(): argument 'generator' must be torch.Generator, not {type_name(generator)}") from None


def _float(value, name, argument, position):
    """A Python number for a C double."""
    if isinstance(value, (float, int)):
        return value
    if isinstance(value, str) or not hasattr(value, "item"):
        raise TypeError(f"{name}(): argument '{argument}' (position {position}) must be float, not {type_name(value)}")
    return float(value.item())


def _sizes(size, keyword, name):
    """(pointer, count) of sizes given as separate integers, as one list, or by keyword."""
    if keyword is not None:
        if size:
            raise TypeError(f"{name}() received sizes both by position and by keyword")
        return ints(keyword, name, "size", 0)
    if not size:
        raise TypeError(f"{name}() received an invalid combination of arguments - got no size")
    return separate_ints(size, name, "size", 1)


def _into(out, dtype, name, p, n):
    """Prepares the tensor given as out= for n sizes."""
    if dtype is not None and dtype is not out.dtype:
        raise RuntimeError(f"{name}(): dtype {dtype!r} does not match dtype of out parameter ({out.dtype!r})")
    out.resize_([p[i] for i in range(n)])
    return out


def _new(name, make, fill, size, keyword, generator, out, dtype, device, requires_grad):
    """A new tensor from `make`, or `out` filled by `fill` between 0 and 1 (for normal: mean 0, std 1)."""
    if device is not None:
        require_cpu(device)
    p, n = _sizes(size, keyword, name)
    g = _generator(generator, name)
    if out is not None:
        if fill(_into(out, dtype, name, p, n)._h, 0.0, 1.0, g):
            fail()
        return out
    return finish(wrap(make(p, n, -1 if dtype is None else dtype._code, g)), requires_grad, name)


@op("t")
def rand(*args, size=None, generator=None, out=None, dtype=None, layout=None, device=None, pin_memory=False,
         requires_grad=False):
    """rand(*size, generator=None, out=None, dtype=None, requires_grad=False): uniform in [0, 1)."""
    return _new("rand", lib.mt_rand, lib.mt_uniform_, args, size, generator, out, dtype,
                device, requires_grad)


@op("t")
def randn(*args, size=None, generator=None, out=None, dtype=None, layout=None, device=None, pin_memory=False,
          requires_grad=False):
    """randn(*size, generator=None, out=None, dtype=None, requires_grad=False): standard normal."""
    return _new("randn", lib.mt_randn, lib.mt_normal_, args, size, generator, out, dtype,
                device, requires_grad)


@op("t")
def randint(*args, low=None, high=None, size=None, generator=None, out=None, dtype=None, layout=None, device=None,
            pin_memory=False, requires_grad=False):
    """randint(low=0, high, size, *, generator=None, out=None, dtype=torch.int64): integers in [low, high)."""
    names = ["low", "high", "size"]
    given = {"low": low, "high": high, "size": size}
    # Two integers and a size by position, or high alone where low is absent.
    sizes_by_position = bool(args) and not hasattr(args[-1], "__index__") and hasattr(args[-1], "__iter__")
    numbers = args[:-1] if sizes_by_position else args
    if sizes_by_position and size is None:
        size = args[-1]
    order = ["low", "high"] if len(numbers) == 2 or (len(numbers) == 1 and high is not None) else ["high"]
    for label, value in zip(order, numbers):
        if given[label] is not None or value is None:
            raise TypeError(f"randint() got multiple values for argument '{label}'")
        given[label] = value
    if size is None or given["high"] is None or len(numbers) > 2:
        got = ", ".join([type_name(a) for a in args] + [f"{k}={type_name(given[k])}" for k in names if given[k] is not None and k not in order])
        raise TypeError(f"randint() received an invalid combination of arguments - got ({got}), but expected "
                        "(int high, tuple of ints size) or (int low, int high, tuple of ints size)")
    require_cpu(device)
    position = len(numbers) or 1
    low = 0 if given["low"] is None else integer(given["low"], "randint", "low", 1)
    high = integer(given["high"], "randint", "high", position)
    p, n = ints(size, "randint", "size", position + 1)
    g = _generator(generator, "randint")
    if out is not None:
        if lib.mt_random_range_(_into(out, dtype, "randint", p, n)._h, low, high, g):
            fail()
        return out
    return finish(wrap(lib.mt_randint(low, high, p, n, -1 if dtype is None else dtype._code, g)), requires_grad, "randint")


@op("t")
def randperm(n, *, generator=None, out=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """randperm(n, *, generator=None, out=None, dtype=torch.int64): the integers 0..n-1 in random order."""
    require_cpu(device)
    code = (-1 if out is None else out.dtype._code) if dtype is None else dtype._code
    made = wrap(lib.mt_randperm(integer(n, "randperm", "n", 1), code, _generator(generator, "randperm")))
    if out is not None:
        return out.resize_(made.shape).copy_(made)
    return finish(made, requires_grad, "randperm")


def _like(name, make, input, dtype, generator, device, memory_format, requires_grad, *numbers):
    require_cpu(device)
    code = -1 if dtype is None else dtype._code
    if memory_format is contiguous_format:
        input = wrap(lib.mt_empty_like(input._h, code, 1))
    return finish(wrap(make(input._h, *numbers, code, _generator(generator, name))), requires_grad, name)


@op("t")
def rand_like(input, *, generator=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False,
              memory_format=None):
    """Uniform in [0, 1) with the sizes, memory order and (unless given) dtype of input."""
    return _like("rand_like", lib.mt_rand_like, input, dtype, generator, device, memory_format, requires_grad)


@op("t")
def randn_like(input, *, generator=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False,
               memory_format=None):
    """Standard normal with the sizes, memory order and (unless given) dtype of input."""
    return _like("randn_like", lib.mt_randn_like, input, dtype, generator, device, memory_format, requires_grad)


@op("t")
def randint_like(input, *args, low=None, high=None, generator=None, dtype=None, layout=None, device=None,
                 pin_memory=False, requires_grad=False, memory_format=None):
    """randint_like(input, low=0, high): integers in [low, high) with the sizes and memory order of input."""
    if len(args) == 2:
        low, high = args
    elif len(args) == 1:
        low, high = (low, args[0]) if high is None else (args[0], high)
    if high is None or len(args) > 2:
        raise TypeError("randint_like() received an invalid combination of arguments; expected (input, high) or (input, low, high)")
    low = 0 if low is None else integer(low, "randint_like", "low", 2)
    return _like("randint_like", lib.mt_randint_like, input, dtype, generator, device, memory_format, requires_grad, low,
                 integer(high, "randint_like", "high", len(args) + 1))


@op("t")
def normal(mean, std=None, size=None, *, generator=None, out=None, dtype=None, layout=None, device=None, pin_memory=False,
           requires_grad=False):
    """normal(mean, std, *, generator=None, out=None) with tensors, or normal(mean, std, size) with two numbers."""
    from . import Tensor, store
    require_cpu(device)
    g = _generator(generator, "normal")
    tensors = isinstance(mean, Tensor) or isinstance(std, Tensor)
    if tensors and size is None:
        mean = mean if isinstance(mean, Tensor) else number(float(mean), "normal", "mean", 1)
        std = std if isinstance(std, Tensor) else number(1.0 if std is None else float(std), "normal", "std", 2)
        made = wrap(lib.mt_normal(mean._h, std._h, g))
        return made if out is None else store(out, made)
    if tensors and isinstance(mean, Tensor) and mean.dim() or isinstance(std, Tensor) and std.dim() or size is None or not (
            hasattr(size, "__iter__")) or std is None:
        got = ", ".join(type_name(a) for a in (mean, std, size) if a is not None)
        raise TypeError(f"normal() received an invalid combination of arguments - got ({got}), but expected (Tensor mean, "
                        "Tensor std), (Tensor mean, float std = 1), (float mean, Tensor std) or (float mean, float std, "
                        "tuple of ints size)")
    mean, std = _float(mean, "normal", "mean", 1), _float(std, "normal", "std", 2)
    p, n = ints(size, "normal", "size", 3)
    if out is None:
        return finish(wrap(lib.mt_normal_new(mean, std, p, n, -1 if dtype is None else dtype._code, g)), requires_grad, "normal")
    if lib.mt_normal_(_into(out, dtype, "normal", p, n)._h, mean, std, g):
        fail()
    return out


@op("tm")
def bernoulli(input, p=None, *, generator=None, out=None):
    """Ones and zeros: with the probabilities in input, or with p everywhere."""
    from . import store
    g = _generator(generator, "bernoulli")
    if p is None:
        made = wrap(lib.mt_bernoulli(input._h, g))
    else:
        made = wrap(lib.mt_bernoulli_p(input._h, _float(p, "bernoulli", "p", 2), g))
    return made if out is None else store(out, made)


@op("m")
def bernoulli_(self, p=0.5, *, generator=None):
    """Ones and zeros in place; p is a number or a tensor that broadcasts to this one."""
    from . import Tensor
    g = _generator(generator, "bernoulli_")
    if isinstance(p, Tensor):
        failed = lib.mt_bernoulli_tensor_(self._h, p._h, g)
    else:
        failed = lib.mt_bernoulli_(self._h, _float(p, "bernoulli_", "p", 1), g)
    if failed:
        fail()
    return self


def _range(name, args, keywords, defaults):
    """The arguments `from` (a keyword of the language) and `to`, by position or by name."""
    values = list(args) + list(defaults[len(args):])
    for place, label in enumerate(("from", "to")):
        if label in keywords:
            if place < len(args):
                raise TypeError(f"{name}() got multiple values for argument '{label}'")
            values[place] = keywords.pop(label)
    if keywords:
        raise TypeError(f"{name}() got an unexpected keyword argument '{next(iter(keywords))}'")
    if len(args) > 2:
        raise TypeError(f"{name}() takes at most 2 positional arguments ({len(args)} given)")
    return values


@op("m")
def uniform_(self, *args, generator=None, **keywords):
    """uniform_(from=0, to=1, *, generator=None): uniform in [from, to), in place."""
    low, high = _range("uniform_", args, keywords, (0.0, 1.0)) if args or keywords else (0.0, 1.0)
    if lib.mt_uniform_(self._h, _float(low, "uniform_", "from", 1), _float(high, "uniform_", "to", 2),
                       _generator(generator, "uniform_")):
        fail()
    return self


@op("m")
def random_(self, *args, generator=None, **keywords):
    """random_(), random_(to) or random_(from, to): integers, in place; `to` None means up to the dtype's largest."""
    g = _generator(generator, "random_")
    if not args and not keywords:
        failed = lib.mt_random_(self._h, g)
    elif len(args) == 1 and not keywords or not args and set(keywords) == {"to"}:
        (to,) = args or keywords.values()
        failed = lib.mt_random_to_(self._h, integer(to, "random_", "to", 1), g)
    else:
        low, high = _range("random_", args, keywords, (0, None))
        low, high = integer(low, "random_", "from", 1), None if high is None else integer(high, "random_", "to", 2)
        if high == _NOT_GIVEN:
            raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
        failed = lib.mt_random_range_(self._h, low, _NOT_GIVEN if high is None else high, g)
    if failed:
        fail()
    return self
