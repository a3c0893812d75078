"""The optimizers' arithmetic, over lists of parameters, in place.

Each function changes ``params`` and the state tensors given beside them; entry i of every list
belongs to parameter i. The order of operations and roundings is that of PyTorch's reference
(``foreach=False``) path, so that both print the same digits. Gradients may be sparse where the
optimizer of that name takes sparse gradients.

When the core offers one call for a whole update (``martlet._optim_ops.<name>``), it is tried
first; it answers ``NotImplemented`` for what it leaves to the tensor operations below. These read
no number of a tensor: counts, learning rates and what follows from them are tensors without
dimensions, so that ``martlet.capture`` can record them.
"""
import functools

import martlet as torch
from martlet import _capture, _optim_ops


def core_first(update):
    """Runs the core's function of the same name, then ``update`` if the core declines."""
    fused = getattr(_optim_ops, update.__name__, None)
    if fused is None:
        return update

    @functools.wraps(update)
    def run(*args, **options):
        if fused(*args, **options) is NotImplemented:
            update(*args, **options)

    return run


def scalar(x):
    """A hyperparameter that is a tensor of one element without its dimensions; a number as it is."""
    return x.squeeze() if isinstance(x, torch.Tensor) and x.dim() else x


def rate_of(lr):
    """A learning rate as a tensor without dimensions."""
    return scalar(lr) if isinstance(lr, torch.Tensor) else _capture.rate(lr)


def next_step(step):
    """Counts one step in ``step``, a state tensor or an int; the new count, in float64 where it is a tensor."""
    step += 1
    return step.to(torch.float64, copy=True) if isinstance(step, torch.Tensor) else step


def is_zero(x):
    """Whether a hyperparameter has no effect; one that is a tensor always has."""
    return not isinstance(x, torch.Tensor) and x == 0


def decayed(grad, param, weight_decay):
    """``grad + weight_decay * param`` (a new tensor), or ``grad`` where there is no decay."""
    if isinstance(weight_decay, torch.Tensor) and weight_decay.requires_grad:
        return grad.addcmul(param.clone(), weight_decay)
    return grad if is_zero(weight_decay) else grad.add(param, alpha=weight_decay)


def like(x, param):
    """A hyperparameter for operations that want a tensor of the parameter's dtype."""
    return x.to(param.dtype) if isinstance(x, torch.Tensor) else x


def move(param, change, divisor, factor):
    """``param += factor * change / divisor`` in place; gradients reach a factor that wants them."""
    if factor.requires_grad:
        param.addcmul_(change / divisor, factor)
    else:
        param.addcdiv_(change, divisor, value=factor)


@core_first
def sgd_(params, grads, momentum_buffers, *, lr, momentum=0, dampening=0, weight_decay=0, nesterov=False,
         maximize=False, differentiable=False):
    """Stochastic gradient descent with (Nesterov) momentum.

    ``momentum_buffers`` entries that are None are replaced by new buffers, which start as the gradient.
    Sparse gradients are kept sparse, and so are buffers that start from them.
    """
    lr = rate_of(lr)
    for i, param in enumerate(params):
        grad = -grads[i] if maximize else grads[i]
        grad = decayed(grad, param, weight_decay)
        if momentum != 0:
            buffer = momentum_buffers[i]
            if buffer is None:
                buffer = momentum_buffers[i] = grad.detach().clone()
            else:
                buffer.mul_(momentum).add_(grad, alpha=1 - dampening)
            grad = grad.add(buffer, alpha=momentum) if nesterov else buffer
        if lr.requires_grad:
            param.addcmul_(grad, lr, value=-1)
        else:
            param.add_(grad, alpha=-lr)


@core_first
def adam_(params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, steps, *, lr, beta1, beta2, eps, weight_decay=0,
          amsgrad=False, maximize=False, decoupled_weight_decay=False, differentiable=False):
    """Adam (Kingma & Ba 2015), with AMSGrad and, for AdamW, weight decay apart from the gradient.

    ``max_exp_avg_sqs`` is read only with ``amsgrad``; ``steps`` are 0-dimensional count tensors.
    """
    lr = rate_of(lr)
    for i, param in enumerate(params):
        grad = -grads[i] if maximize else grads[i]
        exp_avg, exp_avg_sq = exp_avgs[i], exp_avg_sqs[i]
        step = next_step(steps[i])
        if decoupled_weight_decay:
            if not is_zero(weight_decay):
                param.mul_(1 - lr * weight_decay)
        else:
            grad = decayed(grad, param, weight_decay)
        exp_avg.lerp_(grad, 1 - like(beta1, param))
        if isinstance(beta2, torch.Tensor) and beta2.requires_grad:
            exp_avg_sq.lerp_(grad * grad, 1 - like(beta2, param))
        else:
            exp_avg_sq.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        correction = (1 - beta2 ** step).sqrt()
        step_size = lr / (1 - beta1 ** step)
        if amsgrad:
            largest = max_exp_avg_sqs[i].clone() if differentiable else max_exp_avg_sqs[i]
            exp_avg_sq = max_exp_avg_sqs[i].copy_(torch.maximum(largest, exp_avg_sq))
        denom = (exp_avg_sq.sqrt() / correction).add_(eps)
        move(param, exp_avg.clone() if differentiable else exp_avg, denom, -step_size)


@core_first
def rmsprop_(params, grads, square_avgs, grad_avgs, momentum_buffers, steps, *, lr, alpha, eps, weight_decay=0,
             momentum=0, centered=False, maximize=False, differentiable=False):
    """RMSprop (Hinton's lecture 6e), centered as in Graves 2013 if asked, with momentum."""
    lr = rate_of(lr)
    for i, param in enumerate(params):
        grad = -grads[i] if maximize else grads[i]
        square_avg = square_avgs[i]
        steps[i] += 1
        grad = decayed(grad, param, weight_decay)
        square_avg.mul_(alpha).addcmul_(grad, grad, value=1 - alpha)
        if centered:
            grad_avg = grad_avgs[i]
            grad_avg.lerp_(grad, 1 - alpha)
            if differentiable:
                grad_avg = grad_avg.clone()
            scale = square_avg.addcmul(grad_avg, grad_avg, value=-1).sqrt_()
        else:
            scale = square_avg.sqrt()
        scale = scale.add(eps) if differentiable else scale.add_(eps)
        if momentum > 0:
            buffer = momentum_buffers[i].mul_(momentum).addcdiv_(grad, scale)
            param.add_(buffer, alpha=-lr)
        else:
            param.addcdiv_(grad, scale, value=-lr)


def entries_at(dense, indices):
    """The values of ``dense`` at the places (columns of ``indices``) of a coalesced sparse tensor."""
    if indices.size(0) == 1:
        return dense.index_select(0, indices[0])
    return dense[tuple(indices[d] for d in range(indices.size(0)))]


@core_first
def adagrad_(params, grads, state_sums, steps, *, lr, lr_decay=0, weight_decay=0, eps=1e-10, maximize=False,
             differentiable=False):
    """Adagrad (Duchi et al. 2011). A sparse gradient changes only the rows that it holds."""
    lr = rate_of(lr)
    for param, grad, state_sum, step_count in zip(params, grads, state_sums, steps):
        step = next_step(step_count)
        grad = -grad if maximize else grad
        if weight_decay != 0 and grad.is_sparse:
            raise RuntimeError("weight_decay option is not compatible with sparse gradients")
        grad = decayed(grad, param, weight_decay)
        rate = lr / (1 + (step - 1) * lr_decay)
        if grad.is_sparse:
            grad = grad.coalesce()  # the update is not linear: each place must occur once
            indices, values, size = grad._indices(), grad._values(), grad.shape
            state_sum.add_(torch.sparse_coo_tensor(indices, values.pow(2), size))
            scale = entries_at(state_sum, indices).sqrt_().add_(eps)
            param.add_(torch.sparse_coo_tensor(indices, values / scale, size), alpha=-rate)
        else:
            state_sum.addcmul_(grad, grad, value=1)
            scale = state_sum.sqrt() + eps if differentiable else state_sum.sqrt().add_(eps)
            param.addcdiv_(grad, scale, value=-rate)


@core_first
def sparse_adam_(params, grads, exp_avgs, exp_avg_sqs, steps, *, lr, beta1, beta2, eps, maximize=False):
    """Adam for sparse gradients: moments and rows outside the gradient stay as they are.

    ``steps`` are counts of the steps before: 0-dimensional tensors, raised by one here, or ints.
    """
    for i, param in enumerate(params):
        step = next_step(steps[i])
        grad = (-grads[i] if maximize else grads[i]).coalesce()
        indices, values, size = grad._indices(), grad._values(), grad.shape
        if values.numel() == 0:
            continue
        exp_avg, exp_avg_sq = exp_avgs[i], exp_avg_sqs[i]
        # old <- beta * old + (1 - beta) * new, as old += (1 - beta) * (new - old)
        first = entries_at(exp_avg, indices)
        change = values.sub(first).mul_(1 - beta1)
        exp_avg.add_(torch.sparse_coo_tensor(indices, change, size))
        second = entries_at(exp_avg_sq, indices)
        square_change = values.pow(2).sub_(second).mul_(1 - beta2)
        exp_avg_sq.add_(torch.sparse_coo_tensor(indices, square_change, size))
        denom = (square_change + second).sqrt_().add_(eps)
        step_size = lr * (1 - beta2 ** step) ** 0.5 / (1 - beta1 ** step)
        param.add_(torch.sparse_coo_tensor(indices, -step_size * (change + first).div_(denom), size))
