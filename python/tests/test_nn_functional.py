"""Functions composed in Python, losses, and utilities over parameters."""
import pytest
from nn_oracle import agree

CALLS = """
F.normalize(a)|F.normalize(a, p=1, dim=0)|F.normalize(a * 0)|F.cosine_similarity(a, b)|F.cosine_similarity(a, b, dim=0)|F.cosine_similarity(a, b[0], -1)
F.pairwise_distance(a, b)|F.pairwise_distance(a, b, 1., 0., True)|F.pairwise_distance(a[0], b[0])|F.pdist(a)|F.pdist(a, 1.)
F.softmin(a, 1)|F.softsign(a)|F.tanhshrink(a)|F.sigmoid(a)|F.tanh(a)|F.glu(a)|F.glu(a, 0)|F.gumbel_softmax(a).sum(-1)|F.gumbel_softmax(a, hard=True)|F.gumbel_softmax(a, tau=0.5, dim=0).shape
F.rms_norm(a, (6,))|F.rms_norm(a, (4, 6), torch.ones(4, 6) * 2, 0.1)|F.instance_norm(c)|F.local_response_norm(c, 3)
F.margin_ranking_loss(a, b, s, 0.3)|F.margin_ranking_loss(a, b, s, reduction='sum')|F.hinge_embedding_loss(a, s)|F.hinge_embedding_loss(a, s, 0.2, reduction='none')
F.soft_margin_loss(a, s)|F.soft_margin_loss(a, s, reduction='sum')|F.cosine_embedding_loss(a, b, s[:, 0], 0.1)|F.cosine_embedding_loss(a, b, s[:, 0], reduction='none')|F.cosine_embedding_loss(a[0], b[0], s[0, 0])
F.triplet_margin_loss(a, b, d)|F.triplet_margin_loss(a, b, d, 0.5, 1, swap=True, reduction='none')|F.triplet_margin_with_distance_loss(a, b, d, distance_function=lambda x, y: (x - y).abs().sum(-1))
F.poisson_nll_loss(a, p)|F.poisson_nll_loss(a.exp(), p, log_input=False, full=True)|F.poisson_nll_loss(a, p, full=True, reduction='sum')
F.gaussian_nll_loss(a, b, p)|F.gaussian_nll_loss(a, b, p[:, :1], full=True)|F.gaussian_nll_loss(a, b, p[:, 0], reduction='none')|F.gaussian_nll_loss(a, b, 0.5)
F.multilabel_soft_margin_loss(a, (s + 1) / 2)|F.multilabel_soft_margin_loss(a, (s + 1) / 2, weight=p[0], reduction='none')
F.multi_margin_loss(a, i)|F.multi_margin_loss(a, i, 2, 0.5, p[0], reduction='none')|F.multi_margin_loss(a[0], i[0])|F.multilabel_margin_loss(a, l)|F.multilabel_margin_loss(a, l, reduction='none')|F.multilabel_margin_loss(a[0], l[0])
F.pixel_shuffle(c, 2)|F.pixel_unshuffle(c, 2)|F.channel_shuffle(c, 2)|F.unfold(c, 2)|F.fold(F.unfold(c, 2), (4, 6), 2)|F.lp_pool1d(c[0], 2, 2)|F.lp_pool2d(c, 2, 2, 1)
F.dropout1d(c[0], 0.3)|F.dropout2d(c, 0.3)|F.alpha_dropout(a, 0.3, True)|F.alpha_dropout(a, 0.3)|F.feature_alpha_dropout(c, 0.3, True)|F.dropout2d(c, 0.3, False)|F.dropout2d(c, 0.)|F.dropout2d(c, 1.)
F.affine_grid(t, (2, 1, 3, 4), align_corners=False)|F.affine_grid(t, (2, 1, 3, 4), align_corners=True)
F.grid_sample(c, g, align_corners=False)|F.grid_sample(c, g, align_corners=True)|F.grid_sample(c, g, 'nearest', align_corners=False)|F.grid_sample(c, g, padding_mode='border', align_corners=False)|F.grid_sample(c, g, padding_mode='reflection', align_corners=False)|F.grid_sample(c, g, padding_mode='reflection', align_corners=True)
F.upsample(c, scale_factor=2)|F.upsample_nearest(c, (3, 3))|F.upsample_bilinear(c, (3, 3))
F.bilinear(a[:, :2], b[:, :3], w)|F.bilinear(a[:, :2], b[:, :3], w, torch.ones(5))
nn.MSELoss()(a, b)|nn.MSELoss(reduction='sum')(a, b)|nn.L1Loss(reduction='none')(a, b)|nn.SmoothL1Loss(beta=0.5)(a, b)|nn.HuberLoss(delta=0.7)(a, b)|nn.MSELoss(size_average=False)(a, b)|nn.MSELoss(reduce=False)(a, b)
nn.NLLLoss()(a, i)|nn.NLLLoss(weight=p[0], ignore_index=1, reduction='sum')(a, i)|nn.CrossEntropyLoss()(a, i)|nn.CrossEntropyLoss(p[0], label_smoothing=0.1, reduction='none')(a, i)|nn.CrossEntropyLoss()(a, b.softmax(1))|nn.CrossEntropyLoss(ignore_index=2)(a, i)
nn.BCELoss()(a.sigmoid(), (s + 1) / 2)|nn.BCELoss(weight=p)(a.sigmoid(), (s + 1) / 2)|nn.BCEWithLogitsLoss()(a, (s + 1) / 2)|nn.BCEWithLogitsLoss(pos_weight=p[0], weight=p)(a, (s + 1) / 2)
nn.KLDivLoss(reduction='batchmean')(a, b.softmax(1))|nn.KLDivLoss(log_target=True, reduction='sum')(a, b)
nn.CosineEmbeddingLoss(0.2)(a, b, s[:, 0])|nn.TripletMarginLoss(swap=True)(a, b, d)|nn.MarginRankingLoss(0.1)(a, b, s)|nn.HingeEmbeddingLoss(0.5)(a, s)|nn.PoissonNLLLoss()(a, p)|nn.GaussianNLLLoss(full=True)(a, b, p)|nn.SoftMarginLoss()(a, s)
nn.TripletMarginWithDistanceLoss()(a, b, d)|nn.MultiMarginLoss()(a, i)|nn.MultiLabelMarginLoss()(a, l)|nn.MultiLabelSoftMarginLoss()(a, (s + 1) / 2)|nn.CosineSimilarity(0)(a, b)|nn.PairwiseDistance(1)(a, b)
"""
CASES = [c for line in CALLS.strip().splitlines() for c in line.split("|")]

SETUP = """
torch.manual_seed(11)
a, b, d = (torch.randn(4, 6) for _ in range(3))
c = torch.randn(2, 4, 4, 6)
p = torch.rand(4, 6) + 0.5
s = (torch.rand(4, 6) > 0.5) * 2. - 1
i = torch.tensor([0, 5, 2, 1])
l = torch.tensor([[0, 2, -1, 3, 1, 1], [1, -1, 0, 0, 0, 0], [-1, 0, 0, 0, 0, 0], [5, 4, 3, 2, 1, 0]])
t = torch.randn(2, 2, 3)
g = torch.rand(2, 3, 5, 2) * 3 - 1.5
w = torch.randn(5, 2, 3)
"""


@pytest.mark.parametrize("call", CASES)
def test_values_and_gradients(call):
    agree(SETUP + f"""
for v in (a, b, c, t, w): v.requires_grad_()
y = {call}
back = None
if isinstance(y, type(a)) and y.requires_grad and y.is_floating_point():
    (y * torch.linspace(-1, 1, max(y.numel(), 1)).reshape(y.shape)).sum().backward()
    back = [v.grad for v in (a, b, c, t, w)]
out = [y, back, torch.rand(1)]
""")


@pytest.mark.parametrize("call", """
F.glu(a[:, :3])|F.glu(torch.tensor(1.))|F.glu(a, 5)|F.pixel_shuffle(c, 3)|F.pixel_shuffle(a, 2)|F.pixel_unshuffle(c, 5)|F.pixel_shuffle(c, -1)|F.channel_shuffle(c, 3)
F.dropout1d(c)|F.dropout2d(c, 1.5)|F.alpha_dropout(a, -1.)|F.embedding_bag(i, w[:, :, 0])|F.embedding_bag(i, w[:, :, 0], torch.tensor([1]))|F.embedding_bag(i, w[:, :, 0], torch.tensor([0]), mode='min')
F.embedding_bag(l, w[:, :, 0], torch.tensor([0]))|F.embedding_bag(i, w[:, :, 0], torch.tensor([[0]]))|F.embedding_bag(i, w[:, :, 0], torch.tensor([0]), per_sample_weights=p)|F.embedding_bag(i, w[:, :, 0], torch.tensor([0]), per_sample_weights=p[0, :4])
F.margin_ranking_loss(a, b, s[0])|F.cosine_embedding_loss(a, b, s)|F.cosine_embedding_loss(a, b, s[0, 0])|F.triplet_margin_loss(a, b, d[0])|F.triplet_margin_loss(a, b, d, 0)|F.gaussian_nll_loss(a, b, -p)|F.gaussian_nll_loss(a, b, p[:, :2])
F.gaussian_nll_loss(a, b, -1.)|F.poisson_nll_loss(a, b, reduction='some')|F.gaussian_nll_loss(a, b, p, reduction='some')|F.margin_ranking_loss(a, b, s, reduction='some')
F.local_response_norm(a, 2)|F.instance_norm(c[:, :, :1, :1])|F.rms_norm(a, (5,))|F.rms_norm(a, (6,), p)|F.unfold(c, 7)|F.fold(a, (4, 4), 2)|F.fold(c[0], (4, 4), 3)|F.bilinear(a, b, w)|F.bilinear(a[:3, :2], b[:, :3], w)
F.multi_margin_loss(a, i, 3)|F.grid_sample(c, g, 'some')|F.grid_sample(c, g, padding_mode='some')|F.pdist(c)|F.nothing
""".replace("\n", "|").strip("|").split("|"))
def test_misuse(call):
    agree(SETUP + call, raises=True, message=False)


def test_messages():
    for call in ("F.glu(a[:, :3])", "F.pixel_shuffle(c, 3)", "F.alpha_dropout(a, -1.)", "F.embedding_bag(i, w[:, :, 0])", "F.triplet_margin_loss(a, b, d, 0)",
                 "F.gaussian_nll_loss(a, b, -p)", "F.instance_norm(c[:, :, :1, :1])", "F.rms_norm(a, (5,))"):
        agree(SETUP + call, raises=True)


def test_grid_of_nearest_pixels():
    """Nothing depends on the grid but by jumps: its gradient is zeros, with a history; that of the pixels has derivatives."""
    agree("""
torch.manual_seed(11)
x, g = torch.randn(1, 2, 4, 4, requires_grad=True), (torch.rand(1, 3, 3, 2) * 2 - 1).requires_grad_()
first = torch.autograd.grad(F.grid_sample(x, g, 'nearest', align_corners=False).sin().sum(), [x, g], create_graph=True)
out = [first[1].detach(), first[1].requires_grad]
out += torch.autograd.grad(first[0].square().sum() + first[1].sum(), [x, g])
""")


def test_clipping():
    agree("""
utils = nn.utils
m = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1))
def step():
    m.zero_grad(); (m(torch.ones(2, 3)) * 100).sum().backward()
step(); a = utils.clip_grad_norm_(m.parameters(), 1.5); g1 = [p.grad for p in m.parameters()]
step(); b = utils.clip_grad_norm_(m[0].weight, 0.1, norm_type=float("inf")); g2 = [p.grad for p in m.parameters()]
step(); c = utils.clip_grad_norm_(m.parameters(), 1e9, 1); g3 = [p.grad for p in m.parameters()]
step(); d = utils.clip_grad_value_(m.parameters(), 2); g4 = [p.grad for p in m.parameters()]
e = utils.get_total_norm([p.grad for p in m.parameters()]); f = utils.clip_grad_norm_(nn.Linear(1, 1).parameters(), 1.)
v = utils.parameters_to_vector(m.parameters())
n = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1))
utils.vector_to_parameters(v.detach() * 2, n.parameters())
out = [a, g1, b, g2, c, g3, d, g4, e, f, v, [p for p in n.parameters()], isinstance(n[0].weight, nn.Parameter)]
""")
    agree("""
p = nn.Parameter(torch.ones(2)); p.grad = torch.tensor([float("nan"), 1.])
nn.utils.clip_grad_norm_([p], 1., error_if_nonfinite=True)
""", raises=True)


def test_one_declaration():
    """What the engine's table declares is not composed a second time."""
    from importlib import import_module

    from martlet import _ops

    declared = getattr(_ops, "REGISTRY", {"F": {}})["F"]
    functional = import_module("martlet.nn.functional")
    twice = [n for n in declared if hasattr(vars(functional).get(n), "__module__")
             and vars(functional)[n].__module__.startswith("martlet.nn._functional")]
    assert twice == []


def test_rrelu_draws():
    agree("""
x = torch.randn(5, 7)
y = F.rrelu(x, training=True)
z = F.rrelu(x.double(), 0.1, 0.9, True)
w = x.clone(); F.rrelu_(w, training=True)
out = [y, z, w, F.rrelu(x, 0.1, 0.3), torch.rand(1)]
""", exact=True)
    agree("F.rrelu(torch.ones(1), 0.5, 0.1, True)", raises=True)
