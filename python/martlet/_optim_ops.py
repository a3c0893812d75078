"""Optimizer updates as one call of the core for many parameters.

Functions have the signatures of martlet/optim/_updates.py and return NotImplemented for what the core does not take
(differentiable steps, learning rates that want gradients, other hyperparameters that are tensors).
"""
import ctypes
import functools

from . import _bridge
from ._native import fail, lib
from ._tensor import Tensor

_u32, _i32, _f64 = ctypes.c_uint32, ctypes.c_int32, ctypes.c_double


def _options(name, doubles, flags):
    fields = [("size", _u32)] + [(n, _f64) for n in doubles] + [(n, _i32) for n in flags]
    return type(name, (ctypes.Structure,), {"_fields_": fields})


_SGD = _options("_SGD", ("lr", "momentum", "dampening", "weight_decay"), ("nesterov", "maximize"))
_Adam = _options("_Adam", ("lr", "beta1", "beta2", "eps", "weight_decay"), ("amsgrad", "maximize", "decoupled_weight_decay"))
_RMSprop = _options("_RMSprop", ("lr", "alpha", "eps", "weight_decay", "momentum"), ("centered", "maximize"))
_Adadelta = _options("_Adadelta", ("lr", "rho", "eps", "weight_decay"), ("maximize",))
_NAdam = _options("_NAdam", ("lr", "beta1", "beta2", "eps", "weight_decay", "momentum_decay"), ("maximize", "decoupled_weight_decay"))
_Rprop = _options("_Rprop", ("etaminus", "etaplus", "step_size_min", "step_size_max"), ("maximize",))
_ASGD = _options("_ASGD", ("lr", "lambd", "alpha", "t0", "weight_decay"), ("maximize",))
_Adagrad = _options("_Adagrad", ("lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps"), ("maximize",))


_array_types = {}


def _handles(tensors):
    n = len(tensors)
    kind = _array_types.get(n)
    if kind is None:
        kind = _array_types[n] = ctypes.c_void_p * n
    return kind(*[None if t is None else t._h for t in tensors])


def _update(function, options, *lists):
    """Calls an update for lists of tensors (None for one that is not used); entries that it makes anew are replaced."""
    if _bridge.opened:
        return _bridge.opened.update(_address_of(function), ctypes.addressof(options), *lists)
    function = getattr(lib, function)
    arrays = [None if tensors is None else _handles(tensors) for tensors in lists]
    if function(*arrays, len(lists[0]), ctypes.addressof(options)):
        fail()
    for tensors, array in zip(lists, arrays):
        for i, before in enumerate(tensors or ()):
            h = array[i]
            if h and (before is None or before._h != h):
                t = object.__new__(Tensor)
                t._h = h
                tensors[i] = t


_addresses = {}


def _address_of(function):
    address = _addresses.get(function)
    if address is None:
        address = _addresses[function] = ctypes.cast(getattr(lib, function), ctypes.c_void_p).value
    return address


_numbers = {float, int}


def _plain(*values):
    return _numbers.issuperset(map(type, values))


def _takes(lr):
    return lr.__class__ in _numbers or isinstance(lr, Tensor) and lr.numel() == 1 and not lr.requires_grad


def _rate(lr):
    """The number of a learning rate. A recording reads one that is a tensor at each replay of the update that follows."""
    return lr if lr.__class__ in _numbers else lib.mt_capture_rate_from(lr._h)


@functools.lru_cache(maxsize=64)
def _sgd_options(lr, momentum, dampening, weight_decay, nesterov, maximize):
    return _SGD(ctypes.sizeof(_SGD), lr, momentum, dampening, weight_decay, 1 if nesterov else 0, 1 if maximize else 0)


@functools.lru_cache(maxsize=64)
def _adam_options(lr, beta1, beta2, eps, weight_decay, amsgrad, maximize, decoupled_weight_decay):
    return _Adam(ctypes.sizeof(_Adam), lr, beta1, beta2, eps, weight_decay, 1 if amsgrad else 0, 1 if maximize else 0,
                 1 if decoupled_weight_decay else 0)


def sgd_(params, grads, momentum_buffers, *, lr, momentum=0, dampening=0, weight_decay=0, nesterov=False, maximize=False,
         differentiable=False):
    """See martlet.optim._updates.sgd_."""
    if differentiable or not _takes(lr) or not _plain(momentum, dampening, weight_decay):
        return NotImplemented
    options = _sgd_options(_rate(lr), momentum, dampening, weight_decay, bool(nesterov), bool(maximize))
    _update("mt_sgd_update", options, params, grads, momentum_buffers if momentum else None)


def adam_(params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, steps, *, lr, beta1, beta2, eps, weight_decay=0, amsgrad=False,
          maximize=False, decoupled_weight_decay=False, differentiable=False):
    """See martlet.optim._updates.adam_."""
    if differentiable or not _takes(lr) or not _plain(beta1, beta2, eps, weight_decay):
        return NotImplemented
    options = _adam_options(_rate(lr), beta1, beta2, eps, weight_decay, bool(amsgrad), bool(maximize), bool(decoupled_weight_decay))
    _update("mt_adam_update", options, params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs if amsgrad else None, steps)


def rmsprop_(params, grads, square_avgs, grad_avgs, momentum_buffers, steps, *, lr, alpha, eps, weight_decay=0, momentum=0,
             centered=False, maximize=False, differentiable=False):
    """See martlet.optim._updates.rmsprop_."""
    if differentiable or not _takes(lr) or not _plain(alpha, eps, weight_decay, momentum):
        return NotImplemented
    options = _RMSprop(ctypes.sizeof(_RMSprop), _rate(lr), alpha, eps, weight_decay, momentum, 1 if centered else 0, 1 if maximize else 0)
    _update("mt_rmsprop_update", options, params, grads, square_avgs, grad_avgs if centered else None,
            momentum_buffers if momentum > 0 else None, steps)


def adagrad_(params, grads, state_sums, steps, *, lr, lr_decay=0, weight_decay=0, eps=1e-10, maximize=False, differentiable=False):
    """See martlet.optim._updates.adagrad_."""
    if differentiable or not _takes(lr) or not _plain(lr_decay, weight_decay, eps):
        return NotImplemented
    options = _Adagrad(ctypes.sizeof(_Adagrad), _rate(lr), lr_decay, weight_decay, 0, eps, 1 if maximize else 0)
    _update("mt_adagrad_update", options, params, grads, state_sums, steps)


def sparse_adam_(params, grads, exp_avgs, exp_avg_sqs, steps, *, lr, beta1, beta2, eps, maximize=False):
    """See martlet.optim._updates.sparse_adam_."""
    if not _takes(lr) or not _plain(beta1, beta2, eps) or any(s.__class__ is int for s in steps):
        return NotImplemented
    options = _Adam(ctypes.sizeof(_Adam), _rate(lr), beta1, beta2, eps, 0, 0, 1 if maximize else 0, 0)
    _update("mt_sparse_adam_update", options, params, grads, exp_avgs, exp_avg_sqs, steps)


def adadelta_(params, grads, square_avgs, acc_deltas, steps, *, lr, rho, eps, weight_decay=0, maximize=False, differentiable=False):
    """See martlet.optim._updates_more.adadelta_."""
    if differentiable or not _takes(lr) or not _plain(rho, eps, weight_decay):
        return NotImplemented
    options = _Adadelta(ctypes.sizeof(_Adadelta), _rate(lr), rho, eps, weight_decay, 1 if maximize else 0)
    _update("mt_adadelta_update", options, params, grads, square_avgs, acc_deltas, steps)


def adamax_(params, grads, exp_avgs, exp_infs, steps, *, lr, beta1, beta2, eps, weight_decay=0, maximize=False,
            differentiable=False):
    """See martlet.optim._updates_more.adamax_."""
    if differentiable or not _takes(lr) or not _plain(beta1, beta2, eps, weight_decay):
        return NotImplemented
    options = _Adam(ctypes.sizeof(_Adam), _rate(lr), beta1, beta2, eps, weight_decay, 0, 1 if maximize else 0, 0)
    _update("mt_adamax_update", options, params, grads, exp_avgs, exp_infs, steps)


def nadam_(params, grads, exp_avgs, exp_avg_sqs, mu_products, steps, *, lr, beta1, beta2, eps, momentum_decay, weight_decay=0,
           decoupled_weight_decay=False, maximize=False, differentiable=False):
    """See martlet.optim._updates_more.nadam_."""
    if differentiable or not _takes(lr) or not _plain(beta1, beta2, eps, weight_decay, momentum_decay):
        return NotImplemented
    options = _NAdam(ctypes.sizeof(_NAdam), _rate(lr), beta1, beta2, eps, weight_decay, momentum_decay, 1 if maximize else 0,
                     1 if decoupled_weight_decay else 0)
    _update("mt_nadam_update", options, params, grads, exp_avgs, exp_avg_sqs, mu_products, steps)


def radam_(params, grads, exp_avgs, exp_avg_sqs, steps, *, lr, beta1, beta2, eps, weight_decay=0, decoupled_weight_decay=False,
           maximize=False, differentiable=False):
    """See martlet.optim._updates_more.radam_."""
    if differentiable or not _takes(lr) or not _plain(beta1, beta2, eps, weight_decay):
        return NotImplemented
    options = _Adam(ctypes.sizeof(_Adam), _rate(lr), beta1, beta2, eps, weight_decay, 0, 1 if maximize else 0,
                    1 if decoupled_weight_decay else 0)
    _update("mt_radam_update", options, params, grads, exp_avgs, exp_avg_sqs, steps)


def rprop_(params, grads, prevs, step_sizes, steps, *, etaminus, etaplus, step_size_min, step_size_max, maximize=False,
           differentiable=False):
    """See martlet.optim._updates_more.rprop_."""
    if differentiable or not _plain(etaminus, etaplus, step_size_min, step_size_max):
        return NotImplemented
    options = _Rprop(ctypes.sizeof(_Rprop), etaminus, etaplus, step_size_min, step_size_max, 1 if maximize else 0)
    _update("mt_rprop_update", options, params, grads, prevs, step_sizes, steps)


def asgd_(params, grads, axs, mus, etas, steps, *, lr, lambd, t0, alpha, weight_decay=0, maximize=False, differentiable=False):
    """See martlet.optim._updates_more.asgd_."""
    if differentiable or not _takes(lr) or not _plain(lambd, t0, alpha, weight_decay):
        return NotImplemented
    options = _ASGD(ctypes.sizeof(_ASGD), _rate(lr), lambd, alpha, t0, weight_decay, 1 if maximize else 0)
    _update("mt_asgd_update", options, params, grads, axs, mus, etas, steps)
