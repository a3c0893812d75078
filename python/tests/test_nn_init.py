"""Initialisers: every value, and the state of the generator afterwards, bit for bit."""
import pytest
from nn_oracle import agree

CALLS = """
uniform_(t)|uniform_(t, -2, 3.5)|normal_(t)|normal_(t, 1, 0.3)|constant_(t, 0.3)|ones_(t)|zeros_(t)|xavier_uniform_(t)|xavier_uniform_(t, 2)|xavier_normal_(t)|xavier_normal_(t, gain=0.5)
kaiming_uniform_(t)|kaiming_uniform_(t, a=5 ** 0.5)|kaiming_uniform_(t, mode='fan_out', nonlinearity='relu')|kaiming_normal_(t)|kaiming_normal_(t, 0.2, 'fan_out', 'leaky_relu')|kaiming_normal_(t, nonlinearity='tanh')
trunc_normal_(t)|trunc_normal_(t, std=0.02)|trunc_normal_(t, 0.5, 2., -1, 1)|trunc_normal_(t, 0, 1, 1, 1.2)|trunc_normal_(t, -1, 0.5, 0, 3)
kaiming_uniform_(t, generator=g)|xavier_normal_(t, generator=g)|trunc_normal_(t, generator=g)|uniform_(t, generator=g)|normal_(t, generator=g)|kaiming_normal_(t, generator=g)|xavier_uniform_(t, generator=g)
"""
CASES = [c for line in CALLS.strip().splitlines() for c in line.split("|")]


@pytest.mark.parametrize("shape", ["(3, 4)", "(2, 3, 5, 2)", "(40, 7)", "(1, 2)"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("call", CASES)
def test_draws(call, shape, dtype):
    agree(f"""
        g = torch.Generator().manual_seed(5)
        t = torch.zeros({shape}, dtype=torch.{dtype})
        r = init.{call}
        out = [r is t, t, torch.rand(3), torch.rand(2, generator=g)]
    """, exact=True)


@pytest.mark.parametrize("call", ["eye_(torch.ones(3, 4))", "dirac_(torch.ones(4, 2, 3))", "dirac_(torch.ones(4, 2, 3, 4), 2)", "dirac_(torch.ones(2, 2, 3, 3, 3))",
                                  "sparse_(torch.ones(10, 4), 0.3)", "sparse_(torch.ones(3, 3), 1, 2.)"])
def test_others(call):
    agree(f"out = [init.{call}, torch.rand(2)]", exact=True)


@pytest.mark.parametrize("shape", ["(3, 5)", "(5, 3)", "(4, 2, 3)", "(4, 4)"])
def test_orthogonal(shape):
    """The draws are exact; the values are LAPACK's and agree but for rounding."""
    agree(f"out = [init.orthogonal_(torch.empty{shape}, gain=2), torch.rand(2)]")


@pytest.mark.parametrize("call", ["calculate_gain('relu')", "calculate_gain('leaky_relu')", "calculate_gain('leaky_relu', 0.3)", "calculate_gain('tanh')", "calculate_gain('selu')",
                                  "calculate_gain('conv2d')", "calculate_gain('sigmoid')", "_calculate_fan_in_and_fan_out(torch.ones(2, 3, 4))"])
def test_gains(call):
    agree(f"out = init.{call}", exact=True)


@pytest.mark.parametrize("call", ["calculate_gain('gelu')", "calculate_gain('leaky_relu', True)", "xavier_uniform_(torch.ones(3))", "kaiming_normal_(torch.ones(3))", "kaiming_uniform_(torch.ones(3, 2), mode='fan')",
                                  "eye_(torch.ones(3))", "dirac_(torch.ones(3, 2))", "dirac_(torch.ones(3, 2, 1), 2)", "orthogonal_(torch.ones(3))", "sparse_(torch.ones(3), 0.1)"])
def test_misuse(call):
    agree(f"out = init.{call}", raises=True)


def test_leaves_no_graph():
    agree("""
        p = nn.Parameter(torch.zeros(2, 3))
        init.kaiming_uniform_(p); init.ones_(p); init.trunc_normal_(p)
        out = [p.requires_grad, p.is_leaf, p.grad_fn is None, init.kaiming_uniform_(torch.empty(0, 3)).shape]
    """)
