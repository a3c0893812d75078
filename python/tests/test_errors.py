"""What bad input gets: torch's exception class and its message's substance.

The same table is kept in Swift (Tests/MartletTests/ErrorTableTests.swift) and C (Tests/C/test_errors.c).
"""
import gc
import os
import subprocess
import sys

import pytest

import martlet


def leaf(t, *values):
    return t.tensor(values or (1.0, 2.0, 3.0), requires_grad=True)


def backward_twice(t):
    s = (leaf(t) ** 2).sum()
    s.backward()
    s.backward()


def change_saved(t):
    y = leaf(t) * 2
    z = (y * y).sum()
    y += 1
    z.backward()


def change_saved_output(t):
    y = leaf(t).exp()
    y.zero_()
    y.sum().backward()


def change_leaf(t):
    x = leaf(t)
    x += 1


def change_view_of_leaf(t):
    leaf(t)[0] = 5.0


def set_grad(t):
    leaf(t).grad = t.ones(2)


def set_grad_of_dtype(t):
    leaf(t).grad = t.ones(3, dtype=t.float64)


def unused_input(t):
    t.autograd.grad((leaf(t) ** 2).sum(), [leaf(t)])


def double_backward_without_graph(t):
    x = leaf(t)
    g, = t.autograd.grad((x ** 2).sum(), [x])
    t.autograd.grad(g.sum(), [x])


def load(t, **state):
    t.nn.Linear(2, 2).load_state_dict(state)


def nll(t, *targets):
    t.nn.functional.cross_entropy(t.zeros(2, 3), t.tensor(targets))


def data(t):
    from importlib import import_module
    return import_module(t.__name__ + ".utils.data")


# What is done, the exception, and words that the message holds in both libraries.
TABLE = {
    "add shapes": (lambda t: t.ones(2, 3) + t.ones(4), RuntimeError,
                   "The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 1"),
    "mm shapes": (lambda t: t.ones(2, 3) @ t.ones(2, 3), RuntimeError, "mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)"),
    "bmm shapes": (lambda t: t.bmm(t.ones(2, 3, 4), t.ones(3, 4, 5)), RuntimeError, "batch"),
    "linear shapes": (lambda t: t.nn.Linear(3, 2)(t.ones(1, 4)), RuntimeError, "(1x4 and 3x2)"),
    "view": (lambda t: t.ones(2, 3).view(4, 2), RuntimeError, "shape '[4, 2]' is invalid for input of size 6"),
    "view strides": (lambda t: t.ones(2, 3).t().view(6), RuntimeError, "view size is not compatible with input tensor's size and stride"),
    "expand": (lambda t: t.ones(2, 3).expand(2, 4), RuntimeError, "must match the existing size (3) at non-singleton dimension 1"),
    "cat ranks": (lambda t: t.cat([t.ones(2, 3), t.ones(4)]), RuntimeError, "same number of dimensions"),
    "cat sizes": (lambda t: t.cat([t.ones(2, 3), t.ones(2, 4)]), RuntimeError, "Sizes of tensors must match except in dimension 0"),
    "stack sizes": (lambda t: t.stack([t.ones(2), t.ones(3)]), RuntimeError, "stack expects each tensor to be equal size"),
    "copy_": (lambda t: t.ones(2, 3).copy_(t.ones(4)), RuntimeError, "must match"),
    "mse": (lambda t: t.nn.functional.l1_loss(t.ones(3), t.ones(2)), RuntimeError, "must match the size of tensor b"),
    "negative size": (lambda t: t.empty(2, -1), RuntimeError, "Trying to create tensor with negative dimension -1: [2, -1]"),

    "integer gradient": (lambda t: t.tensor([1, 2]).requires_grad_(), RuntimeError, "floating point"),
    "in-place cast": (lambda t: t.tensor([1]).add_(0.5), RuntimeError, "result type Float can't be cast to the desired output type Long"),
    "mean of integers": (lambda t: t.tensor([1, 2]).mean(), RuntimeError, "could not infer output dtype"),
    "mm dtypes": (lambda t: t.ones(2, 2) @ t.ones(2, 2, dtype=t.float64), RuntimeError, "to have the same dtype, but got: float != double"),
    "embedding dtype": (lambda t: t.nn.Embedding(3, 2)(t.ones(2)), RuntimeError, "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int"),
    "index dtype": (lambda t: t.ones(3)[t.ones(2)], IndexError, "tensors used as indices must be long, int, byte or bool tensors"),
    "not a tensor": (lambda t: t.relu("x"), TypeError, "relu(): argument 'input' (position 1) must be Tensor, not str"),
    "not a number": (lambda t: t.ones(2) + "x", TypeError, ""),
    "invert a float": (lambda t: ~t.ones(2), TypeError, "integer"),

    "cat of a tensor": (lambda t: t.cat(t.ones(2, 3)), TypeError, "cat(): argument 'tensors' (position 1) must be tuple of Tensors, not Tensor"),
    "repeat beyond 64 bits": (lambda t: t.ones(2).repeat(2 ** 62), RuntimeError, ""),
    "padding beyond 64 bits": (lambda t: t.nn.functional.pad(t.ones(2, 3), (2 ** 62, 2 ** 62)), RuntimeError, ""),
    "convolution padding beyond 64 bits": (lambda t: t.nn.functional.conv2d(t.ones(1, 1, 4, 4), t.ones(1, 1, 2, 2), padding=2 ** 62), RuntimeError, ""),
    "repeats beyond memory": (lambda t: t.repeat_interleave(t.ones(3), 2 ** 62), RuntimeError, ""),
    "bins beyond memory": (lambda t: t.bincount(t.tensor([2 ** 62])), RuntimeError, ""),
    "pooling stride beyond 64 bits": (lambda t: t.nn.functional.avg_pool2d(t.ones(1, 1, 4, 4), 2, 2 ** 63 - 1, ceil_mode=True), RuntimeError, ""),
    "range beyond 64 bits": (lambda t: t.arange(-2 ** 63, 2 ** 63 - 1), RuntimeError, ""),
    "float range beyond 64 bits": (lambda t: t.arange(0.0, 1e300, 1e299, dtype=t.int64), RuntimeError, ""),
    "shuffle beyond 64 bits": (lambda t: t.nn.functional.pixel_shuffle(t.ones(1, 4, 2, 2), 2 ** 62), ValueError, "upscale factor is too large"),
    "resize beyond memory": (lambda t: t.nn.functional.interpolate(t.ones(1, 1, 4, 4), size=2 ** 61), RuntimeError, ""),
    "classes beyond 64 bits": (lambda t: t.nn.functional.one_hot(t.tensor([2 ** 63 - 1])), RuntimeError, ""),
    "rows beyond memory": (lambda t: t.tril_indices(2 ** 40, 1), RuntimeError, ""),
    "triangle beyond 64 bits": (lambda t: t.tril_indices(2 ** 62, 2 ** 62), RuntimeError, "Storage size calculation overflowed"),
    "columns beyond memory": (lambda t: t.triu_indices(2 ** 40, 2 ** 40), RuntimeError, ""),
    "resize to nothing that fits": (lambda t: t.nn.functional.interpolate(t.ones(0, 1, 4), size=2 ** 40), RuntimeError, "can't allocate memory"),
    "resize by a factor beyond 64 bits": (lambda t: t.nn.functional.interpolate(t.ones(1, 1, 4), scale_factor=1e30), RuntimeError,
                                          "value cannot be converted to type int64_t without overflow"),
    "strides beyond 64 bits": (lambda t: t.ones(2, 3).as_strided((2 ** 62, 2 ** 62), (1, 1)), RuntimeError,
                               "Storage size calculation overflowed with sizes=[4611686018427387904, 4611686018427387904] and strides=[1, 1]"),
    "elements beyond 64 bits": (lambda t: t.ones(2, 3).as_strided((2 ** 62, 2 ** 62), (0, 0)), RuntimeError, "numel: integer multiplication overflow"),
    "offset beyond 64 bits": (lambda t: t.ones(2, 3).as_strided((2,), (1,), 2 ** 62), RuntimeError, "Storage size calculation overflowed with sizes=[2] and strides=[1]"),
    "negative offset": (lambda t: t.ones(2, 3).as_strided((2,), (1,), -1), RuntimeError, "nvalid storage offset -1"),
    "expand beyond 64 bits": (lambda t: t.ones(3).expand(2 ** 62, 3), RuntimeError, "numel: integer multiplication overflow"),
    "pieces beyond 64 bits": (lambda t: t.ones(3).split((2 ** 63 - 1, 2 ** 63 - 1)), RuntimeError, "split_with_sizes expects split_sizes to sum exactly to 3"),
    "sections beyond memory": (lambda t: t.ones(3).tensor_split(2 ** 62), RuntimeError, ""),
    "narrow beyond 64 bits": (lambda t: t.ones(3).narrow(0, 1, 2 ** 63 - 1), RuntimeError, "exceeds dimension size (3)"),
    "negative pooling stride": (lambda t: t.nn.functional.avg_pool2d(t.ones(1, 1, 4, 4), 2, -1), RuntimeError, "stride should be greater than zero, but got dH: -1 dW: -1"),
    "negative pooling stride of one dimension": (lambda t: t.nn.functional.avg_pool1d(t.ones(1, 1, 4), 2, -3), RuntimeError, "stride should be greater than zero, but got dH: 1 dW: -3"),
    "several values to fill with": (lambda t: t.full((2,), t.ones(2)), TypeError, "full(): argument 'fill_value' (position 2) must be Number, not Tensor"),
    "dim beyond 64 bits": (lambda t: t.ones(2).unsqueeze(2 ** 70), ValueError, "Overflow when unpacking long long"),
    "negative dim beyond 64 bits": (lambda t: t.softmax(t.ones(2), dim=-2 ** 70), ValueError, "Overflow when unpacking long long"),
    "number beyond 64 bits": (lambda t: t.ones(2) + 2 ** 70, OverflowError, "int too big to convert"),
    "negative number beyond 64 bits": (lambda t: t.ones(2).mul_(-2 ** 70), OverflowError, "can't convert negative int to unsigned"),
    "index beyond 64 bits": (lambda t: t.ones(2)[2 ** 70], ValueError, "Overflow when unpacking long long"),
    "size argument beyond 64 bits": (lambda t: t.ones(2).size(2 ** 70), ValueError, "Overflow when unpacking long long"),
    "steps beyond 64 bits": (lambda t: t.linspace(0, 1, 2 ** 70), ValueError, "Overflow when unpacking long long"),
    "dim is a flag": (lambda t: t.ones(2).unsqueeze(True), TypeError, "unsqueeze(): argument 'dim' (position 1) must be int, not bool"),
    "dim of a function is a float": (lambda t: t.unsqueeze(t.ones(2), 1.0), TypeError, "unsqueeze(): argument 'dim' (position 2) must be int, not float"),
    "dims hold a flag": (lambda t: t.ones(2).flip((True,)), TypeError, "flip(): argument 'dims' (position 1) must be tuple of ints, but found element of type bool at pos 0"),
    "dims hold a float": (lambda t: t.ones(2, 3).flip((0, 1.5)), TypeError, "failed to unpack the object at pos 2 with error \"type must be tuple of ints,but got float\""),
    "sizes in a set": (lambda t: t.zeros({1, 2}), TypeError, "zeros(): argument 'size' (position 1) must be tuple of ints, not set"),
    "keepdim is a word": (lambda t: t.ones(2).sum(0, "a"), TypeError, "sum(): argument 'keepdim' (position 2) must be bool, not str"),
    "keepdim of a function is a word": (lambda t: t.sum(t.ones(2), 0, "a"), TypeError, "sum(): argument 'keepdim' (position 3) must be bool, not str"),
    "keepdim of all": (lambda t: t.ones(2).sum(keepdim="a"), TypeError, "sum()"),
    "mode is a number": (lambda t: t.set_grad_enabled(5), TypeError, "set_grad_enabled(): argument 'enabled' (position 1) must be bool, not int"),
    "requires_grad is a number": (lambda t: t.zeros(2, requires_grad=5), TypeError, "zeros(): argument 'requires_grad' must be bool, not int"),
    "anomalies are a number": (lambda t: t.autograd.set_detect_anomaly(5), TypeError, "set_anomaly_enabled(): argument 'enabled' (position 1) must be bool, not int"),
    "another dtype's memory": (lambda t: t.ones(2).set_(t.tensor([1])), RuntimeError, "Could not set tensor of type long int to a tensor of type float"),
    "one size of two": (lambda t: t.nn.functional.adaptive_avg_pool2d(t.ones(1, 2, 6, 6), (1,)), RuntimeError, "adaptive_avg_pool2d: output_size must be 2"),
    "one size of three": (lambda t: t.nn.functional.adaptive_max_pool3d(t.ones(1, 2, 4, 4, 4), (1,)), RuntimeError,
                          "adaptive_max_pool3d(): internal error: output_size.size() must be 3"),
    "broadcast of a negative size": (lambda t: t.broadcast_shapes((-1, 2)), ValueError, "Attempting to broadcast a dimension with negative length!"),
    "broadcast of no shape": (lambda t: t.broadcast_shapes({}), RuntimeError, "Input shapes should be of type ints, a tuple of ints, or a list of ints, got {}"),
    "number of another dtype at an index": (lambda t: t.ones(2).index_put_((t.tensor([0]),), t.tensor(1)), RuntimeError,
                                            "Index put requires the source and destination dtypes match, got Float for the destination and Long for the source."),
    "nothing to fill with": (lambda t: t.full_like(t.ones(2), None), TypeError, "full_like(): argument 'fill_value' (position 2) must be Number, not NoneType"),
    "activation of a sparse tensor": (lambda t: t.nn.functional.celu(t.eye(2).to_sparse()), NotImplementedError, "'SparseCPU' backend"),
    "scatter of a sparse tensor": (lambda t: t.ones(2, 2).scatter_add(0, t.zeros(2, 2, dtype=t.int64), t.eye(2).to_sparse()), NotImplementedError, "'SparseCPU' backend"),
    "cross product with a sparse tensor": (lambda t: t.linalg.cross(t.ones(3, 3), t.eye(3).to_sparse()), NotImplementedError, "'SparseCPU' backend"),
    "softplus of a sparse tensor": (lambda t: t.nn.functional.softplus(t.eye(2).to_sparse(), 2.0), NotImplementedError, "'SparseCPU' backend"),
    "part of another size": (lambda t: t.ones(2, 3).slice_scatter(t.ones(1, 3)), RuntimeError,
                             "expected src to have a size equal to the slice of self. src size = [1, 3], slice size = [2, 3]"),
    "diagonal of another size": (lambda t: t.ones(2, 3).diagonal_scatter(t.tensor(1.0)), RuntimeError, "src size = [], slice size = [2]"),
    "flip of a number": (lambda t: t.flipud(t.tensor(1.0)), RuntimeError, "Input must be >= 1-d."),
    "power in place": (lambda t: t.ones(2).float_power_(2), RuntimeError,
                       "the base given to float_power_ has dtype Float but the operation's result requires dtype Double"),
    "sums in place of another dtype": (lambda t: t.ones(2).cumsum_(0, dtype=t.int64), RuntimeError,
                                       "Bad in-place call: input tensor dtype float and output tensor dtype long int should match"),
    "size beyond 64 bits": (lambda t: t.zeros(2 ** 70), TypeError, "Overflow when unpacking long long"),
    "Variable of a list": (lambda t: t.autograd.Variable([1.0]), TypeError, "Variable data has to be a tensor, but got list"),

    "select": (lambda t: t.ones(2, 3)[5], IndexError, "index 5 is out of bounds for dimension 0 with size 2"),
    "too many indices": (lambda t: t.ones(2)[0, 0], IndexError, "too many indices for tensor of dimension 1"),
    "index": (lambda t: t.ones(2)[t.tensor([0, 7])], IndexError, "index 7 is out of bounds for dimension 0 with size 2"),
    "index_select": (lambda t: t.ones(2).index_select(0, t.tensor([7])), IndexError, "index out of range in self"),
    "embedding": (lambda t: t.nn.Embedding(3, 2)(t.tensor([3])), IndexError, "index out of range in self"),
    "gather": (lambda t: t.ones(2).gather(0, t.tensor([2])), RuntimeError, "index 2 is out of bounds for dimension 0 with size 2"),
    "scatter": (lambda t: t.ones(2).scatter(0, t.tensor([-1]), 1.0), RuntimeError, "index -1 is out of bounds for dimension 0 with size 2"),
    "take": (lambda t: t.ones(2).take(t.tensor([2])), IndexError, "out of range: tried to access index 2 on a tensor of 2 elements."),
    "dim": (lambda t: t.ones(2, 3).sum(2), IndexError, "Dimension out of range (expected to be in range of [-2, 1], but got 2)"),
    "dim of transpose": (lambda t: t.ones(2, 3).transpose(0, -3), IndexError, "Dimension out of range (expected to be in range of [-2, 1], but got -3)"),
    "dim of size": (lambda t: t.ones(2).size(1), IndexError, "Dimension out of range (expected to be in range of [-1, 0], but got 1)"),
    "dim of softmax": (lambda t: t.ones(2).softmax(1), IndexError, "Dimension out of range"),
    "dim twice": (lambda t: t.ones(2, 3).sum((0, 0)), RuntimeError, "dim 0 appears multiple times in the list of dims"),
    "target": (lambda t: nll(t, 0, 3), IndexError, "Target 3 is out of bounds."),
    "negative target": (lambda t: nll(t, 0, -1), IndexError, "Target -1 is out of bounds."),
    "NaN as integer": (lambda t: t.full((2,), float("nan"), dtype=t.int64), RuntimeError, "cannot be converted to type int64_t without overflow"),
    "byte range": (lambda t: t.full((2,), 300, dtype=t.uint8), RuntimeError, "without overflow"),
    "item": (lambda t: t.ones(2).item(), RuntimeError, "a Tensor with 2 elements cannot be converted to Scalar"),
    "bool of several": (lambda t: bool(t.ones(2)), RuntimeError, "Boolean value of Tensor with more than one value is ambiguous"),
    "max of none": (lambda t: t.ones(0).max(), RuntimeError, "max(): Expected reduction dim to be specified for input.numel() == 0"),
    "dropout": (lambda t: t.nn.Dropout(2), ValueError, "dropout probability has to be between 0 and 1, but got 2"),

    "backward twice": (backward_twice, RuntimeError, "Trying to backward through the graph a second time"),
    "backward of a vector": (lambda t: (leaf(t) * 2).backward(), RuntimeError, "grad can be implicitly created only for scalar outputs"),
    "backward of a constant": (lambda t: t.ones(()).backward(), RuntimeError, "element 0 of tensors does not require grad and does not have a grad_fn"),
    "gradient's shape": (lambda t: (leaf(t) * 2).backward(t.ones(2)), RuntimeError, "Mismatch in shape"),
    "saved input changed": (change_saved, RuntimeError, "one of the variables needed for gradient computation has been modified by an inplace operation"),
    "saved output changed": (change_saved_output, RuntimeError, "is at version 1; expected version 0 instead"),
    "leaf changed": (change_leaf, RuntimeError, "a leaf Variable that requires grad is being used in an in-place operation."),
    "view of a leaf changed": (change_view_of_leaf, RuntimeError, "a view of a leaf Variable that requires grad is being used in an in-place operation."),
    "unused input": (unused_input, RuntimeError, "Set allow_unused=True if this is the desired behavior."),
    "no second derivative recorded": (double_backward_without_graph, RuntimeError, "does not require grad and does not have a grad_fn"),
    "grad of another size": (set_grad, RuntimeError, "attempting to assign a gradient of size '[2]' to a tensor of size '[3]'"),
    "grad of another dtype": (set_grad_of_dtype, RuntimeError, "attempting to assign a gradient with dtype 'double' to a tensor with grad_dtype 'Float'"),
    "numpy of a leaf": (lambda t: leaf(t).numpy(), RuntimeError, "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."),
    "requires_grad of a result": (lambda t: setattr(leaf(t) * 2, "requires_grad", False), RuntimeError, "you can only change requires_grad flags of leaf variables."),
    "deepcopy of a result": (lambda t: __import__("copy").deepcopy(leaf(t) * 2), RuntimeError, "Only Tensors created explicitly by the user"),

    "state_dict sizes": (lambda t: load(t, weight=t.ones(3, 2), bias=t.ones(2)), RuntimeError,
                         "Error(s) in loading state_dict for Linear:\n\tsize mismatch for weight: copying a param with shape "
                         "torch.Size([3, 2]) from checkpoint, the shape in current model is torch.Size([2, 2])."),
    "state_dict keys": (lambda t: load(t, weight=t.ones(2, 2), foo=t.ones(2)), RuntimeError,
                        "Error(s) in loading state_dict for Linear:\n\tMissing key(s) in state_dict: \"bias\". \n\t"
                        "Unexpected key(s) in state_dict: \"foo\". "),
    "no forward": (lambda t: t.nn.Module()(1), NotImplementedError, "Module [Module] is missing the required \"forward\" function"),
    "parameter of a number": (lambda t: setattr(t.nn.Linear(1, 1), "weight", 1.0), TypeError, "cannot assign 'float' as parameter 'weight' (torch.nn.Parameter or None expected)"),
    "dataset": (lambda t: data(t).TensorDataset(t.ones(2), t.ones(3)), AssertionError, "Size mismatch between tensors"),
    "batch size": (lambda t: data(t).DataLoader([1], batch_size=0), ValueError, "batch_size should be a positive integer value, but got batch_size=0"),
    "split": (lambda t: data(t).random_split([1, 2, 3], [1, 1]), ValueError, "Sum of input lengths does not equal the length of the input dataset!"),
    "no parameters": (lambda t: t.optim.SGD([], lr=1.0), ValueError, "optimizer got an empty parameter list"),
    "learning rate": (lambda t: t.optim.Adam([leaf(t)], lr=-1.0), ValueError, "Invalid learning rate: -1.0"),
    "sparse and Adam": (lambda t: step_sparse(t), RuntimeError, "Adam does not support sparse gradients, please consider SparseAdam instead"),

    "memory": (lambda t: t.empty(1 << 46, dtype=t.float64), RuntimeError, f"can't allocate memory: you tried to allocate {1 << 49} bytes"),
    "size overflow": (lambda t: t.empty(1 << 31, 1 << 31, 1 << 31), RuntimeError, "overflow"),
}


def step_sparse(t):
    table = t.nn.Embedding(3, 2, sparse=True)
    table(t.tensor([1])).sum().backward()
    t.optim.Adam(table.parameters()).step()


@pytest.mark.parametrize("case", TABLE)
def test_martlet(case):
    run, kind, words = TABLE[case]
    with pytest.raises(Exception) as caught:
        run(martlet)
    assert caught.type is kind, repr(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize("case", TABLE)
def test_table_is_what_torch_says(case, torch):
    run, kind, words = TABLE[case]
    with pytest.raises(Exception) as caught:
        run(torch)
    assert caught.type is kind, repr(caught.value)
    assert words in str(caught.value)


def test_errors_leave_things_as_they_were():
    x = martlet.ones(2, 3)
    for _ in range(3):
        with pytest.raises(RuntimeError):
            x.add_(martlet.ones(4))
        with pytest.raises(IndexError):
            x[0, 5] = 1.0
    assert x.tolist() == [[1.0] * 3] * 2 and x._version == 0
    gc.collect()
    assert (x + x).tolist() == [[2.0] * 3] * 2


def test_stale_and_null_handles():
    """With handles checked, a handle that was given back is an error and no crash."""
    script = (
        "import martlet\n"
        "from martlet import _native\n"
        "lib = _native.lib\n"
        "x = lib.mt_number_f64(1.0)\n"
        "lib.mt_tensor_release(x)\n"
        "for bad in (x, None):\n"
        "    assert not lib.mt_neg(bad)\n"
        "    print(lib.mt_last_error_code(), lib.mt_last_error_message().decode())\n"
        "print((martlet.ones(2) * 2).tolist())\n")
    env = dict(os.environ, MARTLET_CHECK_HANDLES="1", PYTHONPATH=os.path.dirname(os.path.dirname(os.path.abspath(martlet.__file__))))
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "-7 mt_neg: argument 'self' is a stale or foreign handle",
        "-7 mt_neg: argument 'self' is NULL (did an earlier call fail?)",
        "[2.0, 2.0]",
    ]
