"""The arithmetic of the less common optimizers; see :mod:`martlet.optim._updates` for the rules."""
import martlet as torch

from ._updates import core_first, decayed, is_zero, move, next_step, rate_of


@core_first
def adadelta_(params, grads, square_avgs, acc_deltas, steps, *, lr, rho, eps, weight_decay=0, maximize=False,
              differentiable=False):
    """Adadelta (Zeiler 2012)."""
    lr = rate_of(lr)
    for i, param in enumerate(params):
        square_avg, acc_delta = square_avgs[i], acc_deltas[i]
        steps[i] += 1
        grad = decayed(-grads[i] if maximize else grads[i], param, weight_decay)
        square_avg.mul_(rho).addcmul_(grad, grad, value=1 - rho)
        std = square_avg.add(eps).sqrt_()
        delta = acc_delta.add(eps).sqrt_()
        if differentiable:
            delta = delta.clone()
        delta.div_(std).mul_(grad)
        acc_delta.mul_(rho).addcmul_(delta, delta, value=1 - rho)
        param.add_(delta, alpha=-lr)


@core_first
def adamax_(params, grads, exp_avgs, exp_infs, steps, *, lr, beta1, beta2, eps, weight_decay=0, maximize=False,
            differentiable=False):
    """Adamax: Adam with the infinity norm (Kingma & Ba 2015, section 7.1)."""
    lr = rate_of(lr)
    for i, param in enumerate(params):
        exp_avg, exp_inf = exp_avgs[i], exp_infs[i]
        step = next_step(steps[i])
        grad = decayed(-grads[i] if maximize else grads[i], param, weight_decay)
        exp_avg.lerp_(grad, 1 - beta1)
        decayed_norm = exp_inf.mul_(beta2)
        norm = torch.maximum(decayed_norm.clone() if differentiable else decayed_norm, grad.abs().add_(eps))
        exp_inf.copy_(norm)
        if differentiable:
            exp_avg, exp_inf = exp_avg.clone(), norm
        move(param, exp_avg, exp_inf, -(lr / (1 - beta1 ** step)))


@core_first
def rprop_(params, grads, prevs, step_sizes, steps, *, etaminus, etaplus, step_size_min, step_size_max,
           maximize=False, differentiable=False):
    """Resilient backpropagation (Riedmiller & Braun 1993); where the sign flips, that step is skipped."""
    for i, param in enumerate(params):
        grad = -grads[i] if maximize else grads[i]
        prev, step_size = prevs[i], step_sizes[i]
        steps[i] += 1
        sign = grad.mul(prev.clone() if differentiable else prev).sign()
        turned = sign.lt(0)
        factor = torch.ones_like(sign).masked_fill_(sign.gt(0), etaplus).masked_fill_(turned, etaminus)
        step_size.mul_(factor).clamp_(step_size_min, step_size_max)
        grad = grad.masked_fill(turned, 0)
        param.addcmul_(grad.sign(), step_size, value=-1)
        prev.copy_(grad)


@core_first
def asgd_(params, grads, axs, mus, etas, steps, *, lr, lambd, t0, alpha, weight_decay=0, maximize=False,
          differentiable=False):
    """Averaged stochastic gradient descent (Polyak & Juditsky 1992); ``axs`` hold the averages."""
    lr = rate_of(lr)
    for i, param in enumerate(params):
        ax, mu, eta = axs[i], mus[i], etas[i]
        step = next_step(steps[i])
        grad = decayed(-grads[i] if maximize else grads[i], param, weight_decay)
        rate = eta.to(torch.float64, copy=True)
        param.mul_(1 - lambd * rate)
        param.add_(grad, alpha=-rate)
        share = mu.to(torch.float64, copy=True)
        ax.copy_(torch.where(share == 1, param, ax + (param - ax) * share))
        eta.copy_(lr / ((1 + lambd * lr * step) ** alpha))
        mu.copy_(1 / (step - t0).clamp(min=1))


@core_first
def nadam_(params, grads, exp_avgs, exp_avg_sqs, mu_products, steps, *, lr, beta1, beta2, eps, momentum_decay,
           weight_decay=0, decoupled_weight_decay=False, maximize=False, differentiable=False):
    """Adam with Nesterov momentum (Dozat 2016)."""
    lr = rate_of(lr)
    for i, param in enumerate(params):
        grad = -grads[i] if maximize else grads[i]
        exp_avg, exp_avg_sq, mu_product = exp_avgs[i], exp_avg_sqs[i], mu_products[i]
        step = next_step(steps[i])
        if decoupled_weight_decay:
            if not is_zero(weight_decay):
                param.mul_(1 - lr * weight_decay)
        else:
            grad = decayed(grad, param, weight_decay)
        mu = beta1 * (1.0 - 0.5 * (0.96 ** (step * momentum_decay)))
        mu_next = beta1 * (1.0 - 0.5 * (0.96 ** ((step + 1) * momentum_decay)))
        mu_product *= mu.to(mu_product.dtype)
        exp_avg.lerp_(grad, 1 - beta1)
        exp_avg_sq.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        denom = exp_avg_sq.div(1 - beta2 ** step).sqrt()
        denom = denom.add(eps) if differentiable else denom.add_(eps)
        product = mu_product.to(torch.float64, copy=True)
        move(param, grad, denom, -lr * (1.0 - mu) / (1.0 - product))
        if differentiable:
            exp_avg = exp_avg.clone()
        move(param, exp_avg, denom, (-lr * mu_next) / (1.0 - product * mu_next))


@core_first
def radam_(params, grads, exp_avgs, exp_avg_sqs, steps, *, lr, beta1, beta2, eps, weight_decay=0,
           decoupled_weight_decay=False, maximize=False, differentiable=False):
    """Rectified Adam (Liu et al. 2020)."""
    lr = rate_of(lr)
    longest = 2 / (1 - beta2) - 1
    for i, param in enumerate(params):
        grad = -grads[i] if maximize else grads[i]
        exp_avg, exp_avg_sq = exp_avgs[i], exp_avg_sqs[i]
        step = next_step(steps[i])
        if decoupled_weight_decay:
            if not is_zero(weight_decay):
                param.mul_(1 - lr * weight_decay)
        else:
            grad = decayed(grad, param, weight_decay)
        exp_avg.lerp_(grad, 1 - beta1)
        exp_avg_sq.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        correction2 = 1 - beta2 ** step
        change = exp_avg / (1 - beta1 ** step) * lr
        length = longest - 2 * step * (beta2 ** step) / correction2
        # From a length of 5 on the variance is tractable. Until then ones stand for what follows from it.
        tractable = length > 5.0
        length = torch.where(tractable, length, longest)
        rectified = ((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)).sqrt()
        root = torch.where(tractable, exp_avg_sq, 1).sqrt() + eps
        param.sub_(torch.where(tractable, change * (correction2.sqrt() / root) * rectified, change))
