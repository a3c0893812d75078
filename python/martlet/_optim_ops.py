"""Optimizer updates as one call of the core for many parameters.

Functions have the signatures of martlet/optim/_updates.py and return NotImplemented for what the core does not take
(hyperparameters that are tensors, differentiable steps, sparse gradients of Adam).
"""
import ctypes

from ._native import fail, lib
from ._tensor import Tensor

_u32, _i32, _f64 = ctypes.c_uint32, ctypes.c_int32, ctypes.c_double


def _options(name, doubles, flags):
    fields = [("size", _u32)] + [(n, _f64) for n in doubles] + [(n, _i32) for n in flags]
    return type(name, (ctypes.Structure,), {"_fields_": fields})


_SGD = _options("_SGD", ("lr", "momentum", "dampening", "weight_decay"), ("nesterov", "maximize"))
_Adam = _options("_Adam", ("lr", "beta1", "beta2", "eps", "weight_decay"), ("amsgrad", "maximize", "decoupled_weight_decay"))
_RMSprop = _options("_RMSprop", ("lr", "alpha", "eps", "weight_decay", "momentum"), ("centered", "maximize"))
_Adagrad = _options("_Adagrad", ("lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps"), ("maximize",))


_array_types = {}


def _handles(tensors):
    n = len(tensors)
    kind = _array_types.get(n)
    if kind is None:
        kind = _array_types[n] = ctypes.c_void_p * n
    return kind(*[None if t is None else t._h for t in tensors])


def _plain(*values):
    return all(v.__class__ is float or v.__class__ is int for v in values)


def sgd_(params, grads, momentum_buffers, *, lr, momentum=0, dampening=0, weight_decay=0, nesterov=False, maximize=False,
         differentiable=False):
    """See martlet.optim._updates.sgd_."""
    if differentiable or not _plain(lr, momentum, dampening, weight_decay):
        return NotImplemented
    options = _SGD(ctypes.sizeof(_SGD), lr, momentum, dampening, weight_decay, 1 if nesterov else 0, 1 if maximize else 0)
    buffers = _handles(momentum_buffers) if momentum else None
    if lib.mt_sgd_update(_handles(params), _handles(grads), buffers, len(params), ctypes.addressof(options)):
        fail()
    if momentum:
        for i, before in enumerate(momentum_buffers):
            h = buffers[i]
            if h and (before is None or before._h != h):
                t = object.__new__(Tensor)
                t._h = h
                momentum_buffers[i] = t


def adam_(params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, steps, *, lr, beta1, beta2, eps, weight_decay=0, amsgrad=False,
          maximize=False, decoupled_weight_decay=False, differentiable=False):
    """See martlet.optim._updates.adam_."""
    if differentiable or not _plain(lr, beta1, beta2, eps, weight_decay):
        return NotImplemented
    options = _Adam(ctypes.sizeof(_Adam), lr, beta1, beta2, eps, weight_decay, 1 if amsgrad else 0, 1 if maximize else 0,
                    1 if decoupled_weight_decay else 0)
    largest = _handles(max_exp_avg_sqs) if amsgrad else None
    if lib.mt_adam_update(_handles(params), _handles(grads), _handles(exp_avgs), _handles(exp_avg_sqs), largest, _handles(steps),
                          len(params), ctypes.addressof(options)):
        fail()


def sparse_adam_(params, grads, exp_avgs, exp_avg_sqs, steps, *, lr, beta1, beta2, eps, maximize=False):
    """See martlet.optim._updates.sparse_adam_."""
    if not _plain(lr, beta1, beta2, eps):
        return NotImplemented
    options = _Adam(ctypes.sizeof(_Adam), lr, beta1, beta2, eps, 0, 0, 1 if maximize else 0, 0)
    if lib.mt_sparse_adam_update(_handles(params), _handles(grads), _handles(exp_avgs), _handles(exp_avg_sqs),
                                 (ctypes.c_int64 * len(steps))(*steps), len(params), ctypes.addressof(options)):
        fail()


def rmsprop_(params, grads, square_avgs, grad_avgs, momentum_buffers, steps, *, lr, alpha, eps, weight_decay=0, momentum=0,
             centered=False, maximize=False, differentiable=False):
    """See martlet.optim._updates.rmsprop_."""
    if differentiable or not _plain(lr, alpha, eps, weight_decay, momentum):
        return NotImplemented
    options = _RMSprop(ctypes.sizeof(_RMSprop), lr, alpha, eps, weight_decay, momentum, 1 if centered else 0, 1 if maximize else 0)
    if lib.mt_rmsprop_update(_handles(params), _handles(grads), _handles(square_avgs), _handles(grad_avgs) if centered else None,
                             _handles(momentum_buffers) if momentum > 0 else None, _handles(steps), len(params),
                             ctypes.addressof(options)):
        fail()


def adagrad_(params, grads, state_sums, steps, *, lr, lr_decay=0, weight_decay=0, eps=1e-10, maximize=False, differentiable=False):
    """See martlet.optim._updates.adagrad_."""
    if differentiable or not _plain(lr, lr_decay, weight_decay, eps):
        return NotImplemented
    options = _Adagrad(ctypes.sizeof(_Adagrad), lr, lr_decay, weight_decay, 0, eps, 1 if maximize else 0)
    if lib.mt_adagrad_update(_handles(params), _handles(grads), _handles(state_sums), _handles(steps), len(params),
                             ctypes.addressof(options)):
        fail()
