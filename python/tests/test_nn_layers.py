"""What layers compute: outputs, gradients of inputs and parameters, running statistics, draws of dropout."""
import pytest
from nn_oracle import agree

# layer | shape of the input
LAYERS = """
Linear(3, 4)|5, 3
Linear(3, 4, bias=False)|2, 5, 3
Identity()|2, 3
Conv1d(2, 3, 3)|2, 2, 7
Conv1d(2, 4, 3, stride=2, padding=2, dilation=2, groups=2)|2, 2, 9
Conv1d(2, 3, 4, padding='same')|1, 2, 7
Conv2d(2, 3, 3)|2, 2, 5, 6
Conv2d(2, 4, (3, 2), (2, 1), (1, 0), bias=False)|2, 2, 5, 6
Conv2d(2, 3, 3, padding=1, padding_mode='reflect')|2, 2, 5, 6
Conv2d(2, 3, 3, padding='same', padding_mode='replicate')|2, 2, 5, 6
Conv2d(2, 3, 3, padding=(1, 2), padding_mode='circular')|2, 2, 5, 6
Conv3d(1, 2, 2)|1, 1, 3, 4, 3
ConvTranspose1d(2, 3, 3, stride=2, output_padding=1)|2, 2, 4
ConvTranspose2d(2, 3, 3, stride=2, padding=1)|1, 2, 3, 4
ConvTranspose2d(2, 4, 2, groups=2, dilation=2)|1, 2, 3, 4
MaxPool1d(2)|2, 3, 7
MaxPool2d(3, 2, 1)|2, 2, 6, 7
MaxPool2d(2, ceil_mode=True, dilation=2)|2, 2, 6, 7
MaxPool3d(2)|1, 2, 4, 4, 5
AvgPool1d(3, 1, 1)|2, 3, 6
AvgPool2d(2, ceil_mode=True, count_include_pad=False, padding=1)|2, 2, 5, 6
AvgPool2d((2, 3), divisor_override=4)|2, 2, 5, 6
AvgPool3d(2)|1, 2, 4, 4, 5
LPPool1d(2, 3)|2, 3, 7
LPPool2d(3, 2)|2, 2, 4, 6
AdaptiveAvgPool1d(3)|2, 3, 7
AdaptiveAvgPool2d((2, None))|2, 2, 5, 6
AdaptiveAvgPool2d(1)|2, 2, 5, 6
AdaptiveAvgPool3d(2)|1, 2, 4, 3, 5
AdaptiveMaxPool1d(3)|2, 3, 7
AdaptiveMaxPool2d((2, 3))|2, 2, 5, 6
BatchNorm1d(3)|5, 3
BatchNorm1d(3)|4, 3, 5
BatchNorm2d(3, momentum=None)|2, 3, 4, 5
BatchNorm2d(3, affine=False, track_running_stats=False)|2, 3, 4, 5
BatchNorm3d(2)|2, 2, 2, 3, 2
InstanceNorm1d(3)|2, 3, 5
InstanceNorm2d(3, affine=True, track_running_stats=True)|2, 3, 4, 5
InstanceNorm2d(3)|3, 4, 5
LayerNorm(4)|2, 3, 4
LayerNorm((3, 4), bias=False)|2, 3, 4
LayerNorm(4, elementwise_affine=False)|2, 4
GroupNorm(2, 4)|2, 4, 5
GroupNorm(4, 4, affine=False)|2, 4, 3, 2
RMSNorm(4)|2, 3, 4
RMSNorm((3, 4), eps=0.1)|2, 3, 4
LocalResponseNorm(3)|2, 5, 4
LocalResponseNorm(2, 0.1, 0.5, 2)|2, 5, 4, 3
Dropout(0.3)|4, 6
Dropout(0.3, inplace=True)|4, 6
Dropout(1.)|4, 6
Dropout1d(0.4)|3, 4, 5
Dropout1d(0.4)|4, 5
Dropout2d(0.4)|3, 4, 2, 2
Dropout2d(0.4)|3, 4, 2
Dropout3d(0.4)|3, 4, 2, 2, 2
Dropout3d(0.4)|4, 2, 2, 2
AlphaDropout(0.2)|4, 5
FeatureAlphaDropout(0.3)|4, 5, 3
ReLU()|3, 4
ReLU(True)|3, 4
ReLU6()|3, 4
LeakyReLU(0.2)|3, 4
ELU(0.7)|3, 4
CELU(0.7)|3, 4
SELU()|3, 4
GELU()|3, 4
GELU('tanh')|3, 4
SiLU()|3, 4
Mish()|3, 4
Sigmoid()|3, 4
Tanh()|3, 4
Hardswish()|3, 4
Hardsigmoid()|3, 4
Hardtanh(-0.5, 0.7)|3, 4
Softsign()|3, 4
Tanhshrink()|3, 4
LogSigmoid()|3, 4
Softplus(2, 1)|3, 4
Softshrink(0.3)|3, 4
Hardshrink(0.3)|3, 4
Threshold(0.1, 2)|3, 4
PReLU()|3, 4
PReLU(4)|3, 4
RReLU()|3, 4
GLU()|3, 4
GLU(0)|4, 3
Softmax(1)|3, 4
Softmax(-1)|2, 3, 4
LogSoftmax(0)|3, 4
Softmin(1)|3, 4
Softmax2d()|2, 3, 2, 2
Flatten()|2, 3, 4
Flatten(0, 1)|2, 3, 4
Unflatten(1, (2, -1))|3, 4
Upsample(scale_factor=2)|1, 2, 3, 4
Upsample(scale_factor=2, mode='bilinear')|1, 2, 3, 4
Upsample(size=(5, 3), mode='bilinear', align_corners=True)|1, 2, 3, 4
UpsamplingNearest2d(size=5)|1, 2, 3, 4
Upsample(scale_factor=1.5, mode='linear')|1, 2, 4
Upsample(scale_factor=2, mode='bicubic')|1, 1, 3, 4
PixelShuffle(2)|2, 8, 3, 2
PixelUnshuffle(2)|2, 2, 4, 6
ChannelShuffle(2)|2, 6, 3
Fold((4, 5), 2)|2, 8, 12
Fold((4, 5), (2, 3), 1, 1, 2)|1, 12, 9
Unfold(2)|2, 3, 4, 5
Unfold((2, 3), 2, 1, 2)|2, 3, 6, 7
ZeroPad2d((1, 0, 2, -1))|2, 2, 3, 4
ZeroPad1d(2)|2, 3, 4
ReflectionPad1d(2)|2, 3, 4
ReflectionPad2d((1, 2, 0, 1))|2, 2, 3, 4
ReplicationPad1d((3, 1))|2, 3, 4
ReplicationPad2d(2)|1, 2, 3, 4
ReplicationPad3d(1)|1, 2, 3, 2, 2
ConstantPad1d((1, 2), 0.5)|2, 3, 4
ConstantPad3d(1, 2)|1, 1, 2, 2, 2
CircularPad1d(2)|2, 3, 4
CircularPad2d((1, 2, 0, 1))|2, 2, 3, 4
RNN(3, 4)|5, 2, 3
RNN(3, 4, 2, nonlinearity='relu', batch_first=True, bidirectional=True)|2, 5, 3
RNN(3, 4, bias=False)|5, 3
GRU(3, 4)|5, 2, 3
GRU(3, 4, 2, batch_first=True, bidirectional=True)|2, 5, 3
LSTM(3, 4)|5, 2, 3
LSTM(3, 4, 2, bidirectional=True, batch_first=True)|2, 5, 3
LSTM(3, 4, proj_size=2, num_layers=2, bias=False)|5, 2, 3
LSTM(3, 4)|5, 3
LSTM(3, 4, 3, dropout=0.4)|5, 2, 3
GRU(3, 4, 2, dropout=0.5)|5, 2, 3
RNNCell(3, 4)|2, 3
RNNCell(3, 4, nonlinearity='relu')|3
LSTMCell(3, 4)|2, 3
GRUCell(3, 4, bias=False)|2, 3
"""
CASES = [tuple(line.split("|")) for line in LAYERS.strip().splitlines()]

RUN = """
def flat(y):
    return [t for part in y for t in flat(part)] if isinstance(y, (tuple, list)) else [y]
def total(y):
    return sum((t * torch.linspace(-1, 1, t.numel()).reshape(t.shape)).sum() for t in flat(y) if t.requires_grad)
torch.manual_seed(3)
m = nn.{layer}
leaf = torch.randn({shape}, requires_grad=True)
x = leaf * 1
y = m(x)
total(y).backward()
grads = [leaf.grad] + [p.grad for p in m.parameters()]
again = [torch.rand(1), dict(m.named_buffers())]
m.eval()
with torch.no_grad():
    z = m(leaf * 1)
out = [flat(y), grads, again, flat(z)]
"""


@pytest.mark.parametrize("layer, shape", CASES)
def test_forward_and_backward(layer, shape):
    agree(RUN.format(layer=layer, shape=shape))


@pytest.mark.parametrize("text", [
    "m = nn.Embedding(5, 3); y = m(i)", "m = nn.Embedding(5, 3, padding_idx=1); y = m(i)", "m = nn.Embedding(5, 3, max_norm=1.); y = m(i)",
    "m = nn.Embedding(5, 3, scale_grad_by_freq=True); y = m(i)", "m = nn.Embedding.from_pretrained(torch.randn(5, 3), freeze=False); y = m(i)",
    "m = nn.EmbeddingBag(5, 3); y = m(i)", "m = nn.EmbeddingBag(5, 3, mode='sum', padding_idx=1); y = m(i)", "m = nn.EmbeddingBag(5, 3, mode='max'); y = m(i)",
    "m = nn.EmbeddingBag(5, 3); y = m(i.reshape(-1), torch.tensor([0, 2, 2, 3]))", "m = nn.EmbeddingBag(5, 3, mode='max', padding_idx=0); y = m(i.reshape(-1), torch.tensor([0, 2, 2, 3]))",
    "m = nn.EmbeddingBag(5, 3, mode='sum'); y = m(i, per_sample_weights=torch.randn(2, 3))", "m = nn.EmbeddingBag(5, 3, mode='sum', include_last_offset=True); y = m(i.reshape(-1), torch.tensor([0, 2, 6]))",
    "m = nn.EmbeddingBag(5, 3, max_norm=0.5); y = m(i)", "m = nn.Bilinear(2, 3, 4); y = m(torch.randn(5, 2), torch.randn(5, 3))", "m = nn.Bilinear(2, 3, 4, bias=False); y = m(torch.randn(1, 5, 2), torch.randn(1, 5, 3))",
    "m = nn.ConvTranspose2d(1, 2, 3, stride=2); y = m(torch.randn(1, 1, 3, 3), output_size=(8, 7))", "m = nn.ConvTranspose1d(1, 2, 3, stride=2); y = m(torch.randn(1, 1, 3), output_size=[1, 2, 8])",
    "m = nn.LSTMCell(3, 4); y = m(torch.randn(2, 3), (torch.randn(2, 4), torch.randn(2, 4)))[0]", "m = nn.GRUCell(3, 4); y = m(torch.randn(3), torch.randn(4))",
    "m = nn.LSTM(3, 4, 2); y = m(torch.randn(5, 2, 3), (torch.randn(2, 2, 4), torch.randn(2, 2, 4)))[0]", "m = nn.GRU(3, 4, batch_first=True); y = m(torch.randn(5, 2, 3), torch.randn(1, 5, 4))[0]",
    "m = nn.GRU(3, 4, bidirectional=True); y = m(torch.randn(5, 3), torch.randn(2, 4))[1]",
])
def test_lookups_and_states(text):
    agree(f"""
i = torch.tensor([[0, 1, 4], [1, 1, 3]])
{text}
(y * torch.linspace(-1, 1, y.numel()).reshape(y.shape)).sum().backward()
out = [y, [p.grad for p in m.parameters()], dict(m.state_dict()), torch.rand(1)]
""")


def test_max_unpool():
    agree("""
x = torch.randn(1, 2, 4, 6)
y, i = nn.MaxPool2d(2, return_indices=True)(x)
a = torch.randn(1, 2, 9)
b, j = nn.MaxPool1d(2, return_indices=True)(a)
out = [y, i, nn.MaxUnpool2d(2)(y, i), nn.MaxUnpool2d(2)(y, i, output_size=(5, 6)) if 0 else 0, nn.MaxUnpool1d(2)(b, j), nn.MaxUnpool1d(2)(b, j, output_size=a.size())]
""")


def test_packed_sequences():
    agree("""
rnn = nn.utils.rnn
seqs = [torch.randn(3, 2), torch.randn(5, 2), torch.randn(1, 2)]
padded = rnn.pad_sequence(seqs, batch_first=True, padding_value=-1.)
left = rnn.pad_sequence(seqs, padding_side="left")
packed = rnn.pack_padded_sequence(padded, [3, 5, 1], batch_first=True, enforce_sorted=False)
y = [torch.rand(1)]
for m in (nn.LSTM(2, 4, bidirectional=True, num_layers=2), nn.GRU(2, 3)):
    o, h = m(packed)
    back, n = rnn.pad_packed_sequence(o, batch_first=True, total_length=6)
    y += [o.data, back, n, h]
back.sum().backward()
s = rnn.pack_sequence([torch.arange(4.), torch.arange(2.)])
out = [padded, left, list(packed), y, [p.grad for p in m.parameters()], list(s), rnn.unpack_sequence(s), rnn.unpad_sequence(padded, torch.tensor([3, 5, 1]), True)]
""")


@pytest.mark.parametrize("call", [
    "pack_padded_sequence(torch.ones(3, 2), [1, 3])", "pack_padded_sequence(torch.ones(3, 2), [3, 0])", "pack_padded_sequence(torch.ones(3, 2), [3])",
    "pad_sequence([])", "pad_sequence([torch.ones(1)], padding_side='top')", "pad_packed_sequence(rnn.pack_sequence([torch.ones(3)]), total_length=1)",
])
def test_packing_misuse(call):
    agree(f"rnn = nn.utils.rnn\nrnn.{call}", raises=True, message="total_length" in call)


def test_ctc_loss(torch):
    """Both forms of targets, all reductions, and the gradient."""
    import martlet
    import numpy as np
    x = np.random.RandomState(0).randn(6, 2, 4).astype("float64")
    for reduction in ("none", "mean", "sum"):
        results = []
        for t in (martlet, torch):
            logits = t.from_numpy(x.copy()).requires_grad_()
            loss = t.nn.CTCLoss(reduction=reduction)(
                logits.log_softmax(2), t.tensor([[1, 2, 2], [3, 1, 0]]), t.tensor([6, 5]), t.tensor([3, 2]))
            loss.sum().backward()
            results.append((loss.detach().numpy(), logits.grad.numpy(), repr(t.nn.CTCLoss())))
        np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-9)
        np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-7, atol=1e-12)
        assert results[0][2] == results[1][2]
