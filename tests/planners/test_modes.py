"""Where labels disagree, a single mode lies between them, and planners with several modes take one of them."""

import pytest

torch = pytest.importorskip("torch")

from simscale_gym.datagen.sample import SUBSCORES  # noqa: E402
from simscale_gym.planners import (  # noqa: E402
    ConditionedPlanner,
    DiffusionConfig,
    DiffusionPlanner,
    MixtureConfig,
    MixturePlanner,
    ProposalsConfig,
    ProposalsPlanner,
    RegressionPlanner,
    ScorerConfig,
)
from simscale_gym.planners.anchors import cluster_plans  # noqa: E402
from simscale_gym.planners.scorer import LOSS_WEIGHTS  # noqa: E402

NONE = torch.zeros(0, 40, 3)
ASIDE = 4.0  # [m] to the left or to the right


@pytest.fixture
def fork(random_batch):
    """One view, from which half of the labels lead to the left, half to the right."""
    batch = {name: value[:1].repeat(8, *[1] * (value.dim() - 1)) for name, value in random_batch.items()}
    times = torch.arange(1, 9) / 8.0
    batch["target"] = torch.zeros(8, 8, 3)
    batch["target"][..., 0] = 10.0 * times
    batch["target"][:, :, 1] = ASIDE * times * torch.tensor([1.0, -1.0]).repeat(4)[:, None]
    return batch


def learned(planner, batch, vocabulary=NONE, terms=None, teachers=(True, True)):
    """Where the plan ends [m to the left] after some steps."""
    planner.meet(batch["target"], vocabulary, teachers)
    optimizer = torch.optim.Adam(planner.parameters(), 3e-3)
    for _ in range(100):
        losses = planner.losses(planner(batch["pictures"], batch["status"]), batch)
        optimizer.zero_grad()
        sum(losses[name].mean() for name in terms or planner.imitation_terms).backward()
        optimizer.step()
    return planner.eval()(batch["pictures"][:1], batch["status"][:1])["plan"][0, -1, 1].item()


def test_one_mode_lies_between(small_config, fork):
    torch.manual_seed(0)
    assert abs(learned(RegressionPlanner(small_config), fork)) < 0.6 * ASIDE


@pytest.mark.parametrize("recorded", ["left", "right"])
def test_a_query_for_each_teacher_drives_as_the_human_does(small_config, fork, recorded):
    torch.manual_seed(0)
    to_the_left = fork["target"][:, -1, 1] > 0.0
    fork["is_sim"] = ~to_the_left if recorded == "left" else to_the_left
    side = 1.0 if recorded == "left" else -1.0
    planner = ConditionedPlanner(small_config)
    assert learned(planner, fork) == pytest.approx(side * ASIDE, abs=0.25 * ASIDE)
    expert = planner(fork["pictures"], fork["status"])["plans"][0, 1, -1, 1].item()
    assert expert == pytest.approx(-side * ASIDE, abs=0.25 * ASIDE)


@pytest.mark.parametrize(
    ("family", "config"),
    [
        (DiffusionPlanner, DiffusionConfig),
        (MixturePlanner, MixtureConfig),
    ],
    ids=["diffusion", "mixture"],
)
def test_several_modes_take_one(small_config, fork, family, config):
    torch.manual_seed(0)
    planner = family(config(small_config.inputs, small_config.backbone))
    assert abs(learned(planner, fork)) == pytest.approx(ASIDE, abs=0.25 * ASIDE)


def test_a_planner_that_moves_nothing_leaves_no_noise(small_config, random_batch):
    """What it does not know to take off the noise of poses would be jerk."""
    planner = DiffusionPlanner(DiffusionConfig(small_config.inputs, small_config.backbone))
    planner.meet(random_batch["target"], NONE)
    with torch.no_grad():
        for layer in planner.layers:
            for weights in layer.move.layers[-1].parameters():
                weights.zero_()
        plans = planner.eval()(random_batch["pictures"], random_batch["status"])["plans"]
    assert (plans[..., :2] == planner.anchors).all()
    assert (plans[..., 2] == 0.0).all()


@pytest.fixture
def judged(fork):
    """``judged(side)``: the fork, scored so that only one side of a vocabulary is on the road, and that vocabulary."""
    ways, times = torch.linspace(-1.5, 1.5, 12) * ASIDE, torch.arange(1, 41) / 40.0
    vocabulary = torch.zeros(len(ways), 40, 3)
    vocabulary[..., 0], vocabulary[..., 1] = 10.0 * times, ways[:, None] * times

    def scored(side):
        scores = torch.ones(len(fork["target"]), len(ways), len(SUBSCORES))
        scores[..., SUBSCORES.index("dac")] = (side * ways > 0.0).float()
        return {**fork, "vocabulary_scores": scores.half()}, vocabulary

    return scored


@pytest.fixture
def proposing(small_config):
    torch.manual_seed(0)
    config = ProposalsConfig(small_config.inputs, small_config.backbone, ScorerConfig(1, 12, 6), 4)
    return ProposalsPlanner(config)


@pytest.mark.parametrize("side", [-1.0, 1.0], ids=["right", "left"])
def test_proposals_are_judged_by_what_was_learned_of_the_vocabulary(proposing, judged, side):
    """Labels lead to both sides; the scores of the vocabulary say that one of them is off the road."""
    batch, vocabulary = judged(side)
    terms = {*proposing.imitation_terms, *LOSS_WEIGHTS}
    end = learned(proposing, batch, vocabulary, terms, (True, False))
    assert end == pytest.approx(side * ASIDE, abs=0.25 * ASIDE)
    ends = proposing(batch["pictures"][:1], batch["status"][:1])["proposals"][0, :4, -1, 1]
    assert (side * ends).min().item() == pytest.approx(-ASIDE, abs=0.25 * ASIDE)


@pytest.mark.parametrize("side", [-1.0, 1.0], ids=["human's", "expert's"])
def test_humans_and_experts_teach_proposals_of_their_own(proposing, judged, side):
    """The human goes to the right, the expert to the left; whoever stays on the road is followed."""
    batch, vocabulary = judged(side)
    batch["is_sim"] = batch["target"][:, -1, 1] > 0.0
    terms = {*proposing.imitation_terms, *LOSS_WEIGHTS}
    assert learned(proposing, batch, vocabulary, terms) == pytest.approx(side * ASIDE, abs=0.25 * ASIDE)
    ends = proposing(batch["pictures"][:1], batch["status"][:1])["proposals"][0, :, -1, 1]
    assert (ends[:4] < 0.0).all() and (ends[4:] > 0.0).all()


@pytest.mark.parametrize("teacher", [0, 1], ids=["humans", "experts"])
def test_proposals_that_no_one_taught_are_not_driven(proposing, judged, teacher):
    batch, vocabulary = judged(1.0)
    proposing.meet(batch["target"], vocabulary, (teacher == 0, teacher == 1))
    outputs = proposing.eval()(batch["pictures"], batch["status"])
    apart = (outputs["proposals"] - outputs["plan"][:, None]).abs().amax((2, 3)).argmin(1)
    assert (apart // 4 == teacher).all()


def test_every_weight_of_the_diffusion_learns_and_driving_draws_no_chance(small_config, random_batch):
    planner = DiffusionPlanner(DiffusionConfig(small_config.inputs, small_config.backbone, anchors=5))
    planner.meet(10.0 * random_batch["target"], NONE)
    inputs = random_batch["pictures"], random_batch["status"]
    losses = planner.losses(planner(*inputs), random_batch)
    assert all(loss.shape == (3,) and loss.isfinite().all() for loss in losses.values())
    sum(loss.sum() for loss in losses.values()).backward()
    assert all(value.grad is not None for value in planner.parameters())
    assert torch.equal(planner.eval()(*inputs)["plan"], planner(*inputs)["plan"])


def test_noise_stays_within_what_was_met(small_config):
    planner = DiffusionPlanner(DiffusionConfig(small_config.inputs, small_config.backbone, anchors=3))
    targets = torch.rand(50, 8, 3, generator=torch.Generator().manual_seed(0)) * 30.0
    planner.meet(targets, NONE)
    scaled = planner._scaled(planner.anchors)
    torch.testing.assert_close(planner._meters(scaled), planner.anchors)
    noisy = planner._noisy(scaled, 9.0 * torch.ones_like(scaled), torch.tensor([49]))
    assert noisy.max() <= 1.0 and planner._meters(noisy).max() <= targets.max() + 2.0 + 1e-4


def test_anchors_stand_for_all_plans_and_for_standing_still():
    chance = torch.Generator().manual_seed(0)
    ways = torch.tensor([[0.0, 0.0], [10.0, 0.0], [10.0, 5.0], [10.0, -5.0]]).repeat(25, 1)
    plans = torch.arange(1, 9)[None, :, None] / 8.0 * ways[:, None] + 0.05 * torch.randn(
        100, 8, 2, generator=chance
    )
    centers = cluster_plans(plans, 4)
    assert torch.equal(centers, cluster_plans(plans, 4)) and not centers[0].any()
    assert torch.cdist(ways[:4], centers[:, -1]).amin(1).max() < 0.1


def test_the_likelihood_is_that_of_a_mixture_of_laplace_components(small_config, random_batch):
    """Held against torch's own distributions."""
    from torch import distributions as d

    planner = MixturePlanner(MixtureConfig(small_config.inputs, small_config.backbone, modes=3))
    outputs = planner(random_batch["pictures"], random_batch["status"])
    each = d.Independent(d.Laplace(outputs["plans"], outputs["scales"]), 2)
    whole = d.MixtureSameFamily(d.Categorical(logits=outputs["logits"]), each)
    expected = -10.0 * whole.log_prob(random_batch["target"]) / 24
    found = planner.losses(outputs, random_batch)["likelihood"]
    torch.testing.assert_close(found, expected)
    best = outputs["logits"].argmax(1)
    assert torch.equal(outputs["plan"], outputs["plans"][torch.arange(3), best])
