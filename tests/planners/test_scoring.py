"""The scoring planner takes what its heads say is best."""

import pytest

torch = pytest.importorskip("torch")

from simscale_gym.datagen.sample import SUBSCORES  # noqa: E402
from simscale_gym.errors import ArgumentError  # noqa: E402
from simscale_gym.planners import ScorerConfig, ScoringConfig, ScoringPlanner, load_planner, save_planner  # noqa: E402
from simscale_gym.planners.scorer import LOSS_WEIGHTS, usual_weighing, weighed  # noqa: E402

WAYS = 6


@pytest.fixture
def vocabulary():
    """Straight on, each 2 m/s faster than the one before."""
    poses = torch.zeros(WAYS, 40, 3)
    poses[..., 0] = 2.0 * torch.arange(WAYS)[:, None] * torch.arange(1, 41) / 10.0
    return poses


@pytest.fixture
def scoring(small_config, vocabulary):
    torch.manual_seed(0)
    config = ScoringConfig(
        small_config.inputs,
        small_config.backbone.images,
        small_config.backbone.attention,
        (2, 2),
        0,
        ScorerConfig(1, WAYS, WAYS // 2),
    )
    planner = ScoringPlanner(config)
    planner.meet(torch.zeros(1, 8, 3), vocabulary)
    return planner


@pytest.fixture
def scored_batch(random_batch, vocabulary):
    """The label is the third trajectory; the fifth has the best scores, and the others are off the road."""
    scores = torch.ones(3, WAYS, len(SUBSCORES))
    scores[:, :, SUBSCORES.index("dac")] = (torch.arange(WAYS) == 4).float()
    return {
        **random_batch,
        "target": vocabulary[2, 4::5].expand(3, -1, -1),
        "vocabulary_scores": scores.half(),
    }


def learn(planner, batch, terms, steps=40):
    optimizer = torch.optim.Adam(planner.parameters(), 3e-3)
    for _ in range(steps):
        losses = planner.train().losses(planner(batch["pictures"], batch["status"]), batch)
        optimizer.zero_grad()
        sum(losses[name].mean() for name in terms).backward()
        optimizer.step()
    return planner.eval()(batch["pictures"], batch["status"])


def test_it_finds_what_is_most_like_the_label(scoring, scored_batch):
    assert learn(scoring, scored_batch, ["imitation"])["imitation"].argmax(1).tolist() == [2, 2, 2]


def test_it_takes_what_was_scored_best(scoring, scored_batch):
    """Without any label."""
    plan = learn(scoring, scored_batch, list(LOSS_WEIGHTS))["plan"]
    torch.testing.assert_close(plan, scoring.scorer.vocabulary[4, 4::5].expand(3, -1, -1))


def test_losses_of_samples(scoring, scored_batch):
    outputs = scoring(scored_batch["pictures"], scored_batch["status"])
    assert outputs["rows"].shape == (WAYS // 2,)
    losses = scoring.losses(outputs, scored_batch)
    assert set(losses) == {"imitation", *LOSS_WEIGHTS}
    assert all(loss.shape == (3,) and loss.isfinite().all() for loss in losses.values())


def test_a_half_of_fault_or_direction_counts_as_nothing(scoring, scored_batch):
    halves = {**scored_batch, "vocabulary_scores": torch.full_like(scored_batch["vocabulary_scores"], 0.5)}
    nothing = {**halves, "vocabulary_scores": 0.0 * halves["vocabulary_scores"]}
    outputs = scoring.eval()(halves["pictures"], halves["status"])
    half, none = scoring.losses(outputs, halves), scoring.losses(outputs, nothing)
    same = {name for name in LOSS_WEIGHTS if torch.equal(half[name], none[name])}
    assert same == {"nc", "ddc"}


def test_the_score_follows_its_formula():
    logits = {name: torch.zeros(1, 2) for name in ("imitation", *LOSS_WEIGHTS)}
    logits["dac"] = torch.tensor([[0.0, -50.0]])
    score = weighed(logits, usual_weighing())[0]
    half = 0.5**1.3 * (0.5 * 20.0) ** 6
    assert score[0].exp().item() == pytest.approx(0.5**0.03 * half, rel=1e-4)
    assert (score[0] - score[1]).item() == pytest.approx(
        0.9 * torch.tensor(0.5 / 1e-6).log().item(), rel=1e-4
    )


def test_another_vocabulary(scoring, vocabulary):
    with pytest.raises(ArgumentError, match="those of 5 trajectories, expected 6"):
        scoring.meet(torch.zeros(1, 8, 3), vocabulary[:5])


def test_what_it_says_of_a_trajectory_does_not_hang_on_the_others(scoring, random_batch, monkeypatch):
    pictures, status = random_batch["pictures"], random_batch["status"]
    with torch.no_grad():
        whole = scoring.eval()(pictures, status)
        some = torch.tensor([4, 1, 3])
        monkeypatch.setattr(scoring.scorer, "rows", lambda: some)
        asked = scoring(pictures, status)
    for name in ("imitation", *LOSS_WEIGHTS):
        torch.testing.assert_close(asked[name], whole[name][:, some])


def test_it_trusts_what_the_validation_set_bears_out(scoring):
    """TLC tells which trajectories are good, progress which are bad: the one weighs more then, the other less."""
    chance = torch.Generator().manual_seed(0)
    good = torch.rand(40, WAYS, generator=chance) < 0.3
    outputs = {name: torch.zeros(40, WAYS) for name in ("imitation", *LOSS_WEIGHTS)}
    outputs |= {"tlc": torch.where(good, 2.0, -2.0), "ep": torch.where(good, -2.0, 2.0)}
    scores = good[..., None].expand(-1, -1, len(SUBSCORES)).half()
    before = weighed(outputs, scoring.scorer.weighing).argmax(1)
    with torch.no_grad():
        scoring.calibrate(outputs, {"vocabulary_scores": scores})
    after = weighed(outputs, scoring.scorer.weighing).argmax(1)
    rows = torch.arange(40)[good.any(1)]
    assert not good[rows, before[rows]].any()
    assert good[rows, after[rows]].all()


def test_it_keeps_the_usual_weights_where_they_make_no_difference(scoring):
    outputs = {name: torch.zeros(3, WAYS) for name in ("imitation", *LOSS_WEIGHTS)}
    with torch.no_grad():
        scoring.calibrate(outputs, {"vocabulary_scores": torch.ones(3, WAYS, len(SUBSCORES)).half()})
    torch.testing.assert_close(scoring.scorer.weighing, usual_weighing())


def test_its_weights_are_those_of_the_checkpoint(scoring, tmp_path):
    scoring.scorer.weighing += 1.0
    save_planner(tmp_path / "planner.safetensors", scoring)
    torch.testing.assert_close(
        load_planner(tmp_path / "planner.safetensors").scorer.weighing, usual_weighing() + 1.0
    )
