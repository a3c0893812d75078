"""Attention and the Transformer family: outputs, gradients, masks, and the order of dropout's draws."""
import pytest
from nn_oracle import agree

TAIL = """
total = sum((t * torch.linspace(-1, 1, t.numel()).reshape(t.shape)).sum() for t in y if t is not None)
total.backward()
out = [list(y), [p.grad for p in m.parameters()], torch.rand(2)]
"""

ATTENTION = """
nn.MultiheadAttention(4, 2)|m(x, x, x)
nn.MultiheadAttention(4, 2)|m(x, x, x, need_weights=False)
nn.MultiheadAttention(4, 2, bias=False)|m(x, x, x, average_attn_weights=False)
nn.MultiheadAttention(4, 2, dropout=0.3)|m(x, x, x)
nn.MultiheadAttention(4, 2, dropout=0.3)|m(x, x, x, need_weights=False)
nn.MultiheadAttention(4, 2, dropout=0.3).eval()|m(x, x, x)
nn.MultiheadAttention(4, 2)|m(x, z, z)
nn.MultiheadAttention(4, 2)|m(x, z, z * 2, need_weights=False)
nn.MultiheadAttention(4, 2, kdim=5, vdim=6)|m(x, k, v)
nn.MultiheadAttention(4, 2, add_bias_kv=True)|m(x, z, z)
nn.MultiheadAttention(4, 2, add_zero_attn=True)|m(x, x, x)
nn.MultiheadAttention(4, 2, add_bias_kv=True, add_zero_attn=True, dropout=0.2)|m(x, z, z, key_padding_mask=pad7, attn_mask=cross)
nn.MultiheadAttention(4, 2, batch_first=True)|m(x, x, x)
nn.MultiheadAttention(4, 2, batch_first=True)|m(x.transpose(0, 1), z.transpose(0, 1), z.transpose(0, 1), need_weights=False)
nn.MultiheadAttention(4, 2)|m(x, x, x, attn_mask=causal)
nn.MultiheadAttention(4, 2)|m(x, x, x, attn_mask=causal, is_causal=True, need_weights=False)
nn.MultiheadAttention(4, 2)|m(x, x, x, attn_mask=causal, is_causal=True)
nn.MultiheadAttention(4, 2)|m(x, x, x, attn_mask=causal == 0)
nn.MultiheadAttention(4, 2)|m(x, x, x, key_padding_mask=pad5)
nn.MultiheadAttention(4, 2)|m(x, x, x, key_padding_mask=pad5, attn_mask=causal, need_weights=False)
nn.MultiheadAttention(4, 2)|m(x, x, x, attn_mask=torch.randn(6, 5, 5))
nn.MultiheadAttention(4, 2)|m(x[:, 0], x[:, 0], x[:, 0])
nn.MultiheadAttention(4, 2)|m(x[:, 0], z[:, 0], z[:, 0], key_padding_mask=pad7[0], need_weights=False)
"""


@pytest.mark.parametrize("module, call", [tuple(line.split("|")) for line in ATTENTION.strip().splitlines()])
def test_attention(module, call):
    agree(f"""
m = {module}
x, z, k, v = torch.randn(5, 3, 4), torch.randn(7, 3, 4), torch.randn(7, 3, 5), torch.randn(7, 3, 6)
causal = torch.triu(torch.full((5, 5), float("-inf")), 1)
cross = torch.randn(5, 7)
pad5 = torch.tensor([[False] * 5, [False] * 4 + [True], [False] * 2 + [True] * 3])
pad7 = torch.tensor([[False] * 7, [False] * 4 + [True] * 3, [True] + [False] * 6])
x.requires_grad_()
y = {call}
y = [t for t in y if t is not None]
""" + TAIL)


@pytest.mark.parametrize("call", [
    "m(x, x, x, is_causal=True)", "m(torch.ones(2, 3, 5), x, x)", "m(x, x[0], x)", "m(torch.ones(1, 1, 1, 1), x, x)", "m(x, x, x[:1])", "m(x, x, x, attn_mask=torch.ones(3, 3))",
    "m(x, x, x, attn_mask=torch.ones(3, 2, 2))", "m(x, x, x, attn_mask=torch.ones(2))", "m(x, x, x, key_padding_mask=torch.ones(2, 2))",
    "m(x, x, x, key_padding_mask=torch.ones(3))", "m(x, x, x, attn_mask=torch.ones(2, 2, dtype=torch.int64))", "m(x[0], x[0], x[0], attn_mask=torch.ones(3, 3, 3))",
])
def test_attention_misuse(call):
    agree(f"m = nn.MultiheadAttention(4, 2)\nx = torch.ones(2, 3, 4)\n{call}", raises=True)


TRANSFORMERS = """
nn.TransformerEncoderLayer(4, 2, 8)|m(x)
nn.TransformerEncoderLayer(4, 2, 8, dropout=0.)|m(x)
nn.TransformerEncoderLayer(4, 2, 8, norm_first=True, activation='gelu', batch_first=True)|m(x)
nn.TransformerEncoderLayer(4, 2, 8, bias=False, activation=torch.tanh, layer_norm_eps=0.1)|m(x, src_mask=causal)
nn.TransformerEncoderLayer(4, 2, 8, dropout=0.)|m(x, src_key_padding_mask=pad5)
nn.TransformerEncoderLayer(4, 2, 8, dropout=0.)|m(x[:, 0])
nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8), 2)|m(x)
nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8, dropout=0.), 2, nn.LayerNorm(4))|m(x, mask=causal)
nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8, dropout=0.), 2)|m(x, src_key_padding_mask=pad5)
nn.TransformerDecoderLayer(4, 2, 8)|m(x, z)
nn.TransformerDecoderLayer(4, 2, 8, norm_first=True)|m(x, z, tgt_mask=causal, memory_key_padding_mask=pad7)
nn.TransformerDecoder(nn.TransformerDecoderLayer(4, 2, 8), 2, nn.LayerNorm(4))|m(x, z, tgt_mask=causal)
nn.Transformer(4, 2, 1, 2, 8)|m(z, x)
nn.Transformer(4, 2, 1, 1, 8, dropout=0., norm_first=True)|m(z, x, tgt_mask=nn.Transformer.generate_square_subsequent_mask(5), src_key_padding_mask=pad7)
"""


@pytest.mark.parametrize("module, call", [tuple(line.split("|")) for line in TRANSFORMERS.strip().splitlines()])
def test_transformers(module, call):
    agree(f"""
m = {module}
x, z = torch.randn(5, 3, 4), torch.randn(7, 3, 4)
causal = torch.triu(torch.full((5, 5), float("-inf")), 1)
pad5 = torch.tensor([[False] * 5, [False] * 4 + [True], [False] * 2 + [True] * 3])
pad7 = torch.tensor([[False] * 7, [False] * 4 + [True] * 3, [True] + [False] * 6])
if "batch_first=True" in {module!r}: causal = None
x.requires_grad_()
y = [{call}]
""" + TAIL, rtol=1e-3, atol=1e-4)


def test_evaluation_repeats():
    """Without dropout two runs are equal, and no draw is made."""
    agree("""
m = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8), 2).eval()
x = torch.randn(5, 3, 4)
a, b = m(x), m(x)
out = [a, (a == b).all(), torch.rand(1)]
""")


def test_copies_are_deep_and_equal():
    agree("""
layer = nn.TransformerEncoderLayer(4, 2, 8)
m = nn.TransformerEncoder(layer, 2)
p, q, r = (k.linear1.weight for k in (layer, *m.layers))
out = [p is q, q is r, bool((p == q).all()), bool((q == r).all()), m.layers[0].self_attn is m.layers[1].self_attn, len(list(m.parameters()))]
""")


def test_grad_fn_names():
    """The names that printing shows."""
    agree("""
m = nn.TransformerEncoderLayer(4, 2, 8)
a = nn.MultiheadAttention(4, 2)
x = torch.randn(5, 3, 4)
y = a(x, x, x)
out = [type(v.grad_fn).__name__ for v in (m(x), y[0], y[1], a(x, x, x, average_attn_weights=False)[1], nn.Linear(4, 2)(x[0]), nn.Dropout()(m(x)))]
""")


@pytest.mark.parametrize("layer", ["batch_first=True", "batch_first=True, norm_first=True", "", "batch_first=True, bias=False", "batch_first=True, activation='gelu'", "batch_first=True, activation=nn.GELU()"])
@pytest.mark.parametrize("options", ["", "enable_nested_tensor=False", "norm=nn.LayerNorm(4)", "mask_check=False"])
@pytest.mark.parametrize("padding", ["pad", "torch.zeros(5, 5).masked_fill(pad, float('-inf'))", "pad.flip(1)"])
def test_padding_in_evaluation(layer, options, padding):
    """Where torch computes without the padded positions, they come out as zeros."""
    agree(f"""
m = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8, {layer}), 2, {options}).eval()
x = torch.randn(5, 5, 4)
pad = torch.tensor([[0, 0, 0, 0, 0], [0, 0, 0, 0, 1], [0, 0, 0, 1, 1], [0, 0, 0, 0, 1], [0, 1, 1, 1, 1]]).bool()
p = {padding}
a = m(x, src_key_padding_mask=p)
with torch.no_grad():
    out = [a, m(x, src_key_padding_mask=p), m(x)]
""" if not ("flip" in padding and "mask_check" in options) else "out = 0", rtol=1e-3, atol=1e-4)
