"""Losses of torch.nn.functional that are one call of the library."""
import warnings

from . import F as _F
from . import op, table

_R = "enum(none,mean,sum)"
table(f"""
F _mse_loss(input: T, target: T, reduction: {_R}) = mt_mse_loss
F _l1_loss(input: T, target: T, reduction: {_R}) = mt_l1_loss
F _smooth_l1_loss(input: T, target: T, reduction: {_R}, beta: float) = mt_smooth_l1_loss
F _huber_loss(input: T, target: T, reduction: {_R}, delta: float) = mt_huber_loss
F _kl_div(input: T, target: T, reduction: {_R}, log_target: bool) = mt_kl_div
F _binary_cross_entropy(input: T, target: T, weight: T?, reduction: {_R}) = mt_binary_cross_entropy
F _binary_cross_entropy_with_logits(input: T, target: T, weight: T?, pos_weight: T?, reduction: {_R}) = mt_binary_cross_entropy_with_logits
F _nll_loss(input: T, target: T, weight: T?, reduction: {_R}, ignore_index: int) = mt_nll_loss
F _cross_entropy(input: T, target: T, weight: T?, reduction: {_R}, ignore_index: int, label_smoothing: float) = mt_cross_entropy
""")


def _reduction(reduction, size_average, reduce):
    """The reduction that torch's old flags stand for."""
    if size_average is None and reduce is None:
        return reduction
    size_average = True if size_average is None else size_average
    reduce = True if reduce is None else reduce
    word = "none" if not reduce else ("mean" if size_average else "sum")
    warnings.warn(f"size_average and reduce args will be deprecated, please use reduction='{word}' instead.", stacklevel=3)
    return word


def _warn_of_sizes(input, target):
    if input.shape != target.shape:
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). "
            "This will likely lead to incorrect results due to broadcasting. "
            "Please ensure they have the same size.", stacklevel=3)


def _weighted(losses, weight, reduction):
    """Elementwise losses times weights, reduced; the mean is over the sum of the weights."""
    losses = losses * weight
    if reduction == "none":
        return losses
    return losses.sum() if reduction == "sum" else losses.sum() / weight.sum()


@op("F")
def mse_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """mse_loss(input, target, reduction='mean', weight=None): (input - target)^2."""
    _warn_of_sizes(input, target)
    reduction = _reduction(reduction, size_average, reduce)
    if weight is not None:
        return _weighted(_F._mse_loss(input, target, "none"), weight, reduction)
    return _F._mse_loss(input, target, reduction)


@op("F")
def l1_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """l1_loss(input, target, reduction='mean', weight=None): |input - target|."""
    _warn_of_sizes(input, target)
    reduction = _reduction(reduction, size_average, reduce)
    if weight is not None:
        return _weighted(_F._l1_loss(input, target, "none"), weight, reduction)
    return _F._l1_loss(input, target, reduction)


@op("F")
def smooth_l1_loss(input, target, size_average=None, reduce=None, reduction="mean", beta=1.0):
    """smooth_l1_loss(input, target, reduction='mean', beta=1.0): quadratic below beta, linear above."""
    _warn_of_sizes(input, target)
    return _F._smooth_l1_loss(input, target, _reduction(reduction, size_average, reduce), beta)


@op("F")
def huber_loss(input, target, reduction="mean", delta=1.0, weight=None):
    """huber_loss(input, target, reduction='mean', delta=1.0, weight=None): quadratic up to delta, linear above."""
    _warn_of_sizes(input, target)
    if weight is not None:
        return _weighted(_F._huber_loss(input, target, "none", delta), weight, reduction)
    return _F._huber_loss(input, target, reduction, delta)


@op("F")
def kl_div(input, target, size_average=None, reduce=None, reduction="mean", log_target=False):
    """kl_div(input, target, reduction='mean', log_target=False): target * (log target - input); 'batchmean' divides the sum by
    the first dimension."""
    reduction = _reduction(reduction, size_average, reduce)
    if reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size."
            "'batchmean' divides only by the batch size, and aligns with the KL div math definition."
            "'mean' will be changed to behave the same as 'batchmean' in the next major release.", stacklevel=2)
    if reduction == "batchmean":
        loss = _F._kl_div(input, target, "sum", log_target)
        return loss / input.shape[0] if input.dim() else loss
    return _F._kl_div(input, target, reduction, log_target)


@op("F")
def binary_cross_entropy(input, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    """binary_cross_entropy(input, target, weight=None, reduction='mean'): input holds probabilities."""
    if target.shape != input.shape:
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is deprecated. "
            "Please ensure they have the same size.")
    return _F._binary_cross_entropy(input, target, weight, _reduction(reduction, size_average, reduce))


@op("F")
def binary_cross_entropy_with_logits(input, target, weight=None, size_average=None, reduce=None, reduction="mean",
                                     pos_weight=None):
    """binary_cross_entropy_with_logits(input, target, weight=None, reduction='mean', pos_weight=None)"""
    if target.shape != input.shape:
        raise ValueError(f"Target size ({target.shape}) must be the same as input size ({input.shape})")
    return _F._binary_cross_entropy_with_logits(
        input, target, weight, pos_weight, _reduction(reduction, size_average, reduce))


@op("F")
def nll_loss(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"):
    """nll_loss(input, target, weight=None, ignore_index=-100, reduction='mean'): input holds log-probabilities."""
    return _F._nll_loss(input, target, weight, _reduction(reduction, size_average, reduce), ignore_index)


@op("F")
def cross_entropy(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean",
                  label_smoothing=0.0):
    """cross_entropy(input, target, weight=None, ignore_index=-100, reduction='mean', label_smoothing=0.0): input holds logits;
    target class indices or probabilities."""
    return _F._cross_entropy(
        input, target, weight, _reduction(reduction, size_average, reduce), ignore_index, label_smoothing)


table(f"""
F _ctc_loss(log_probs: T, targets: T, input_lengths: T, target_lengths: T, blank: int, reduction: {_R}, zero_infinity: bool) = mt_ctc_loss
""")


def _lengths(lengths):
    """Lengths given as a tensor or a list, as a tensor."""
    from .._creation import tensor
    from .._types import int64
    return lengths if hasattr(lengths, "dim") else tensor(list(lengths), dtype=int64)


@op("F")
def ctc_loss(log_probs, targets, input_lengths, target_lengths, blank=0, reduction="mean", zero_infinity=False):
    """ctc_loss(log_probs, targets, input_lengths, target_lengths, blank=0, reduction='mean', zero_infinity=False): connectionist
    temporal classification of log-probabilities (T, N, C) or (T, C)."""
    return _F._ctc_loss(
        log_probs, targets, _lengths(input_lengths), _lengths(target_lengths), blank, reduction, zero_infinity)


@op("t", "ctc_loss")
def _ctc_loss(log_probs, targets, input_lengths, target_lengths, blank=0, reduction=1, zero_infinity=False):
    """torch.ctc_loss: as F.ctc_loss, the reduction being 0 (none), 1 (mean) or 2 (sum)."""
    return ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, ("none", "mean", "sum")[reduction], zero_infinity)
