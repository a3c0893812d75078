"""The text of modules, and the names of what they hold."""
import pytest
from nn_oracle import agree

MODULES = """
Linear(3, 4)|Linear(3, 4, bias=False)|Bilinear(2, 3, 4)|Bilinear(2, 3, 4, bias=False)|Identity(1, a=2)
Conv1d(2, 3, 5)|Conv2d(1, 6, 5)|Conv2d(3, 8, 3, stride=2, padding=1, bias=False)
Conv2d(3, 8, (3, 5), padding='same', padding_mode='reflect')|Conv2d(4, 8, 3, dilation=2, groups=2)|Conv3d(1, 2, 3)
Conv2d(3, 8, 3, padding='valid')|Conv1d(2, 3, 5, padding=2, padding_mode='circular')
ConvTranspose1d(2, 3, 4)|ConvTranspose2d(4, 2, 3, stride=2, output_padding=1)|ConvTranspose3d(2, 2, 2, groups=2, bias=False)
MaxPool1d(2)|MaxPool2d(3, 2, 1)|MaxPool3d((1, 2, 2))|MaxPool2d(2, return_indices=True, ceil_mode=True)
AvgPool1d(2)|AvgPool2d(2)|AvgPool3d(2, 1)|LPPool1d(2, 3)|LPPool2d(2, 2)|LPPool3d(1.5, 2)|MaxUnpool1d(2)|MaxUnpool2d(2, stride=(2, 1))
AdaptiveAvgPool1d(3)|AdaptiveAvgPool2d(1)|AdaptiveAvgPool2d((1, None))|AdaptiveAvgPool3d(2)|AdaptiveMaxPool1d(2)|AdaptiveMaxPool2d((None, 2))|AdaptiveMaxPool3d(1)
BatchNorm1d(4)|BatchNorm2d(4, affine=False)|BatchNorm3d(4, track_running_stats=False)|BatchNorm2d(4, bias=False)|BatchNorm1d(3, momentum=None)
InstanceNorm1d(4)|InstanceNorm2d(4)|InstanceNorm3d(4, affine=True)|LayerNorm(4)|LayerNorm((3, 4), elementwise_affine=False)|LayerNorm([4], bias=False)
GroupNorm(2, 4)|GroupNorm(2, 4, affine=False)|GroupNorm(2, 4, bias=False)|RMSNorm(4)|RMSNorm((2, 3), eps=1e-6)|LocalResponseNorm(2)
Dropout()|Dropout(0.1, inplace=True)|Dropout1d()|Dropout2d()|Dropout3d(0.3)|AlphaDropout(0.2)|FeatureAlphaDropout()
ReLU()|ReLU(inplace=True)|ReLU6()|ReLU6(True)|LeakyReLU(0.1)|LeakyReLU(0.1, True)|ELU()|ELU(inplace=True)|CELU()|SELU()|SELU(True)|GELU()|GELU('tanh')
SiLU()|SiLU(True)|Mish()|Mish(True)|Sigmoid()|Tanh()|Hardswish()|Hardswish(True)|Hardsigmoid()|Hardsigmoid(True)|Softsign()|Tanhshrink()|LogSigmoid()
Hardtanh()|Hardtanh(-2, 3)|Hardtanh(-2, 3, True)|Softplus()|Softplus(2, 5)|Softshrink()|Hardshrink()|Threshold(0.1, 20)|Threshold(0.1, 20, True)|PReLU()|PReLU(3)|RReLU()|RReLU(inplace=True)
GLU()|Softmax(dim=1)|Softmax()|LogSoftmax(-1)|Softmin(1)|Softmax2d()|Flatten()|Flatten(0, 1)|Unflatten(1, (2, 3))
Embedding(10, 3)|Embedding(10, 3, 0, 1.0)|Embedding(10, 3, -1, norm_type=1.5, sparse=True, scale_grad_by_freq=True)|EmbeddingBag(10, 3, mode='sum')|EmbeddingBag(10, 3, 2.0, 1.0, True, padding_idx=1)
RNN(3, 4)|RNN(3, 4, nonlinearity='relu')|LSTM(3, 4, 2, batch_first=True, dropout=0.1, bidirectional=True)|LSTM(3, 4, proj_size=2)|GRU(3, 4, bias=False)
LSTMCell(3, 4)|GRUCell(3, 4, bias=False)|RNNCell(3, 4, nonlinearity='relu')|RNNCell(3, 4)
Upsample(scale_factor=2)|Upsample((4, 4), mode='bilinear')|Upsample(scale_factor=(2, 3))|UpsamplingNearest2d(size=2)|UpsamplingBilinear2d(scale_factor=2)|PixelShuffle(2)|PixelUnshuffle(3)|ChannelShuffle(2)
ZeroPad1d(1)|ZeroPad2d(1)|ZeroPad3d(1)|ReflectionPad1d(2)|ReflectionPad2d(1)|ReflectionPad3d(1)|ReplicationPad1d((1, 2))|ReplicationPad2d(1)|ReplicationPad3d(1)|ConstantPad1d(1, 0.5)|ConstantPad2d((1, 2, 3, 4), 1)|ConstantPad3d(1, 0)|CircularPad1d(1)|CircularPad2d(1)|CircularPad3d(1)
Fold((4, 4), 2)|Unfold(3)|CosineSimilarity()|PairwiseDistance()
MSELoss()|L1Loss()|SmoothL1Loss()|HuberLoss()|NLLLoss()|CrossEntropyLoss()|BCELoss()|BCEWithLogitsLoss()|KLDivLoss()|CosineEmbeddingLoss()|TripletMarginLoss()|MarginRankingLoss()|HingeEmbeddingLoss()|PoissonNLLLoss()|GaussianNLLLoss()|SoftMarginLoss()|MultiMarginLoss()|MultiLabelMarginLoss()|MultiLabelSoftMarginLoss()|TripletMarginWithDistanceLoss()
MultiheadAttention(4, 2)|MultiheadAttention(4, 2, bias=False, add_bias_kv=True, kdim=3, vdim=5)
TransformerEncoderLayer(4, 2, 8)|TransformerEncoderLayer(4, 2, 8, activation='gelu', norm_first=True, bias=False)|TransformerEncoderLayer(4, 2, 8, activation=nn.GELU())|TransformerDecoderLayer(4, 2, 8)
TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8), 2)|TransformerDecoder(nn.TransformerDecoderLayer(4, 2, 8), 2, nn.LayerNorm(4))|Transformer(4, 2, 1, 2, 8)
Sequential()|Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Sequential(nn.ReLU(), nn.ReLU()))|Sequential(OrderedDict(a=nn.ReLU(), b=nn.Tanh()))
ModuleList()|ModuleList([nn.ReLU()])|ModuleList([nn.Linear(2, 2)] * 3 + [nn.ReLU(), nn.Sequential(nn.ReLU()), nn.Sequential(nn.ReLU())])
ModuleDict()|ModuleDict({'b': nn.ReLU(), 'a': nn.ReLU()})|ModuleDict([('b', nn.ReLU())])
ParameterList()|ParameterList([torch.ones(2, 3), nn.Parameter(torch.ones(3)), 5, 'a', nn.Linear(2, 2)])|ParameterList([torch.tensor(3.)])
ParameterDict()|ParameterDict({'b': torch.ones(2), 'a': nn.Parameter(torch.ones(3)), 'l': nn.Linear(2, 2), 'z': 4})
"""
CASES = [c for line in MODULES.strip().splitlines() for c in line.split("|")]


@pytest.mark.parametrize("case", CASES)
def test_text_state_and_draws(case):
    """repr, state_dict's keys, and every drawn value (MT19937 streams are equal bit for bit)."""
    agree(f"""
        from collections import OrderedDict
        m = nn.{case}
        out = [repr(m), dict(m.state_dict()), [n for n, _ in m.named_parameters()], [n for n, _ in m.named_buffers()],
               [n for n, _ in m.named_modules()], [p.requires_grad for p in m.parameters()],
               torch.rand(1)]
    """, exact=True)


def test_parameter_text():
    agree("""
        w = nn.Parameter(torch.tensor([[1., 2.], [3., 4.]]))
        f = nn.Parameter(torch.ones(2), requires_grad=False)
        b = nn.Buffer(torch.ones(2))
        out = [repr(w), repr(f), str(b), f"{w}", repr([w]), repr(nn.Parameter()), isinstance(b, nn.Buffer),
               isinstance(torch.ones(2), nn.Buffer), isinstance(w, nn.Parameter), isinstance(torch.ones(1), nn.Parameter)]
    """)


def test_custom_module_text():
    agree("""
        class Inner(nn.Module):
            def extra_repr(self): return "first\\nsecond"
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.a = nn.Linear(2, 2)
                self.b = None
                self.add_module("c", None)
                self.d = Inner()
                self.e = nn.ModuleList([Inner(), nn.ModuleDict({"x": Inner()})])
                self.p = nn.Parameter(torch.ones(1))
        class Odd(nn.Module):
            def _get_name(self): return "Named"
            def extra_repr(self): return "k=1"
        out = [repr(Net()), repr(Odd()), repr(nn.Sequential(Odd())), repr(Net().load_state_dict(Net().state_dict()))]
    """)
