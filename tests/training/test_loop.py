"""Trainings learn, go on where they were broken off, and count simulated samples as they are told to."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from made_up_set import MadeUpSet, made_up_samples  # noqa: E402

from simscale_gym.errors import ArgumentError, DataError  # noqa: E402
from simscale_gym.planners import FAMILIES, ScorerConfig, ScoringPlanner, load_planner, make_planner  # noqa: E402
from simscale_gym.training import TrainConfig, loop, train  # noqa: E402
from simscale_gym.training.lesson_store import LessonStore  # noqa: E402
from simscale_gym.training.selection import Part  # noqa: E402
from simscale_gym.training.step import jittered, learning_rate, mean_losses, noisy_status  # noqa: E402

QUIET = {"velocity_noise": 0.0, "acceleration_noise": 0.0}


def config(**changes):
    plain = {"preset": "mini", "real": ("real",), "steps": 6, "batch_size": 8, "val_every": 3, **QUIET}
    return TrainConfig(**(plain | changes))


def store(samples):
    return LessonStore([Part(MadeUpSet(samples), range(len(samples)), (0,))], 16)


def weights(folder):
    return load_planner(folder / "planner.safetensors").state_dict()


def gradients(planner, batch, settings):
    planner.zero_grad()
    sum(
        mean_losses(planner, planner(batch["pictures"], batch["status"]), batch, settings).values()
    ).backward()
    return {name: value.grad.clone() for name, value in planner.named_parameters() if value.grad is not None}


def test_it_learns_what_it_is_shown(data_sets, mini, tmp_path):
    """Labels hang on the pictures: without looking at them no planner comes near."""
    data_sets["real"] = MadeUpSet(made_up_samples(32))
    data_sets["val"] = MadeUpSet(made_up_samples(32, town=1))
    settings = config(
        steps=240,
        batch_size=32,
        learning_rate=3e-3,
        schedule="constant",
        val=("val",),
        val_every=60,
        color_jitter=0.0,
    )
    ways = np.array([sample.arrays.target[..., 1] for sample in made_up_samples(32)])
    blind = abs(ways - np.median(ways, 0)).mean()
    assert train(settings, tmp_path, progress=False)["ade"] < 0.3 * blind


def test_what_was_broken_off_ends_in_the_same_planner(data_sets, mini, tmp_path, monkeypatch):
    settings = config(sim=("sim",), val=("val",), velocity_noise=0.5)
    whole = train(settings, tmp_path / "whole", progress=False)
    descend = loop._Training._descend

    def killed(self, step):
        if step == 4:
            raise KeyboardInterrupt
        return descend(self, step)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(loop._Training, "_descend", killed)
        train(settings, tmp_path / "broken", progress=False)
    torch.manual_seed(1)  # of another process
    resumed = train(settings, tmp_path / "broken", progress=False)
    assert {**resumed, "seconds": 0} == {**whole, "seconds": 0}
    broken = weights(tmp_path / "broken")
    assert all(torch.equal(value, broken[name]) for name, value in weights(tmp_path / "whole").items())
    assert not (tmp_path / "broken" / "resume.pt").exists()


def test_a_training_that_has_ended_is_not_begun_again(data_sets, mini, tmp_path, monkeypatch):
    result = train(config(), tmp_path, progress=False)
    monkeypatch.setattr(loop, "LessonStore", None)
    assert train(config(), tmp_path, progress=False) == result
    with pytest.raises(ArgumentError, match="began with steps=6, now 7"):
        train(config(steps=7), tmp_path, progress=False)


def test_a_damaged_state_is_named(data_sets, mini, tmp_path):
    (tmp_path / "resume.pt").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"resume\.pt.*Delete resume\.pt to begin anew"):
        train(config(), tmp_path, progress=False)


def test_doubling_the_same_samples_changes_nothing(mini):
    planner, samples = make_planner("regression", "mini"), made_up_samples(6)
    once = gradients(planner, store(samples).batch(np.arange(6)), config())
    twice = gradients(planner, store(samples + samples).batch(np.arange(12)), config())
    for name, gradient in once.items():
        torch.testing.assert_close(twice[name], gradient, rtol=1e-4, atol=1e-6)


def test_labels_of_simulated_samples_are_left_out_of_imitation_where_asked(mini):
    planner, settings = make_planner("regression", "mini"), config(sim_imitation=False)
    simulated = store(made_up_samples(4, kind="perturbed")).batch(np.arange(4))
    found = gradients(planner, simulated, settings)
    heads = {name: value for name, value in found.items() if name.startswith("head.")}
    assert heads and not any(value.any() for value in heads.values())
    assert any(value.any() for value in found.values())
    mixed = store(made_up_samples(2) + made_up_samples(4, kind="perturbed")).batch(np.arange(6))
    terms, real = (
        mean_losses(planner, planner(batch["pictures"], batch["status"]), batch, settings)
        for batch in (mixed, {name: value[:2] for name, value in mixed.items()})
    )
    torch.testing.assert_close(terms["trajectory"], real["trajectory"])


def test_weights_of_simulated_samples(mini):
    planner = make_planner("regression", "mini")
    mixed = store(made_up_samples(2) + made_up_samples(2, kind="perturbed", seed=1)).batch(np.arange(4))
    outputs = planner(mixed["pictures"], mixed["status"])
    each = planner.losses(outputs, mixed)["trajectory"]
    found = mean_losses(planner, outputs, mixed, config(sim_weight=0.5))["trajectory"]
    torch.testing.assert_close(found, (each[:2].sum() + 0.5 * each[2:].sum()) / 3.0)


@pytest.mark.parametrize("imitation", [True, False])
def test_means_over_devices_are_those_of_the_step(mini, imitation):
    """Also where one device has all the recorded samples."""
    planner, settings = (
        make_planner("regression", "mini").eval(),
        config(sim_weight=0.5, sim_imitation=imitation),
    )
    whole = store(made_up_samples(2) + made_up_samples(2, kind="perturbed", seed=1)).batch(np.arange(4))
    shares = [{name: value[k : k + 2] for name, value in whole.items()} for k in (0, 2)]

    def found(batch, *told):
        return mean_losses(planner, planner(batch["pictures"], batch["status"]), batch, settings, *told)

    ours = [found(share, whole["is_sim"]) for share in shares]
    for name, value in found(whole).items():
        torch.testing.assert_close((ours[0][name] + ours[1][name]) / 2.0, value)


def test_noise_leaves_the_command_alone():
    status = torch.zeros(1000, 8)
    status[:, 1] = 1.0
    noisy = noisy_status(status, config(velocity_noise=2.0, acceleration_noise=0.5))
    assert torch.equal(noisy[:, :4], status[:, :4])
    np.testing.assert_allclose(noisy[:, 4:].std(0), [2.0, 0.4, 0.5, 0.5], rtol=0.15)


def test_other_light_is_the_same_for_all_cameras_of_a_sample():
    pictures = torch.full((400, 3, 2, 2, 3), 90, dtype=torch.uint8)
    assert jittered(pictures, 0.0) is pictures
    changed = jittered(pictures, 0.2)
    assert changed.dtype == torch.uint8
    assert torch.equal(changed, changed[:, :1, :1, :1].expand_as(changed))
    lighter = changed[:, 0, 0, 0].float().mean(1) - 90.0
    assert abs(lighter.mean()) < 3.0
    # contrast 0.2 x 37.5, a third of the colours' variance, brightness 8
    assert lighter.std() == pytest.approx(np.hypot(np.hypot(7.5, 3.75 / 3**0.5), 8.0), rel=0.15)


@pytest.mark.parametrize(("schedule", "last"), [("cosine", 0.0), ("constant", 1.0)])
def test_the_rate_rises_and_falls(schedule, last):
    settings = config(steps=1000, warm_up=0.1, learning_rate=1.0, schedule=schedule)
    rates = [learning_rate(settings, step) for step in range(1000)]
    assert rates[0] == 0.01 and max(rates) == rates[100] == 1.0
    assert rates[-1] == pytest.approx(last, abs=1e-4)


def test_a_device_that_is_not_there(data_sets, mini, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(ArgumentError, match="found 0"):
        train(replace(config(), accelerator="cuda"), tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_last_planner_is_kept_where_the_best_is_not_asked_for(data_sets, mini, tmp_path):
    settings = config(val=("val",), keep_best=False)
    assert train(settings, tmp_path, progress=False)["best_step"] == settings.steps


@pytest.mark.parametrize("family", FAMILIES)
def test_mixed_precision(data_sets, minis, tmp_path, family):
    """Half of the digits while it computes; weights stay whole, and it learns about the same."""
    settings = config(planner=family, sim=("sim",), val=("val",), steps=4)
    found = {}
    for precision in ("32-true", "bf16-mixed"):
        result = train(replace(settings, precision=precision), tmp_path / precision, progress=False)
        found[precision] = weights(tmp_path / precision)
        assert np.isfinite(result["ade"])
    whole, mixed = found.values()
    assert {value.dtype for value in mixed.values()} == {value.dtype for value in whole.values()}
    apart = max((mixed[name].double() - value.double()).abs().max().item() for name, value in whole.items())
    assert 0.0 < apart < 0.05


def test_another_vocabulary_is_refused_before_anything_is_read(data_sets, minis, tmp_path, monkeypatch):
    monkeypatch.setitem(
        FAMILIES["scoring"].presets, "mini", replace(minis["scoring"], scorer=ScorerConfig(vocabulary=7))
    )
    monkeypatch.setattr(loop, "LessonStore", None)
    with pytest.raises(ArgumentError, match="those of 6 trajectories, expected 7"):
        train(config(planner="scoring"), tmp_path, progress=False)


def test_the_validation_set_needs_the_scores_that_it_is_to_weigh(data_sets, minis, tmp_path, monkeypatch):
    data_sets["val"].vocabulary = None
    monkeypatch.setattr(loop, "LessonStore", None)
    with pytest.raises(ArgumentError, match=r"another vocabulary \(0 trajectories\) than made up \(6\)"):
        train(config(planner="scoring", val=("val",)), tmp_path, progress=False)


def test_a_scoring_planner_is_weighed_by_the_validation_set(data_sets, minis, tmp_path, monkeypatch):
    def weigh(planner, outputs, batch):
        assert len(outputs["imitation"]) == len(batch["target"])
        planner.scorer.weighing.fill_(len(batch["target"]))

    monkeypatch.setattr(ScoringPlanner, "calibrate", weigh)
    found = {}
    for name, val in {"with": ("val", "val-sim"), "without": ()}.items():
        train(config(planner="scoring", val=val, keep_best=False), tmp_path / name, progress=False)
        found[name] = weights(tmp_path / name)
    assert found["with"]["scorer.weighing"].unique().tolist() == [8 + 4]
    same = {name for name, value in found["with"].items() if value.equal(found["without"][name])}
    assert found["with"].keys() - same == {"scorer.weighing"}


@pytest.mark.parametrize(
    ("settings", "taught"),
    [
        ({}, [True, False]),
        ({"sim": ("sim",)}, [True, True]),
        ({"sim": ("sim",), "sim_imitation": False}, [True, False]),
        ({"real": (), "sim": ("sim",)}, [False, True]),
    ],
    ids=["recorded", "both", "rewards only", "simulated"],
)
def test_planners_know_whose_labels_they_imitate(data_sets, minis, tmp_path, settings, taught):
    train(config(planner="proposals", steps=2, **settings), tmp_path, progress=False)
    assert weights(tmp_path)["taught"].view(2, 4)[:, 0].tolist() == taught


def test_plans_are_held_against_recorded_labels_alone(data_sets, minis, tmp_path):
    """Whatever an expert does off the log, the distances are those to humans."""
    found = [
        train(config(val=val, keep_best=False), tmp_path / f"{len(val)}", progress=False)
        for val in (("val",), ("val", "val-sim"))
    ]
    assert found[0]["ade"] == found[1]["ade"] and found[0]["fde"] == found[1]["fde"]


def test_an_accelerator_that_is_none():
    with pytest.raises(ArgumentError, match="accelerator: 'gpu', expected one of auto, cpu, cuda"):
        config(accelerator="gpu")


def test_the_best_planner_on_a_suite_is_kept(data_sets, mini, tmp_path, monkeypatch):
    scores = iter([0.2, 0.6, 0.4])
    monkeypatch.setattr(loop, "suite_score", lambda planner, suite: next(scores))
    settings = config(val=("val",), steps=9, val_suite="town-val")
    result = train(settings, tmp_path, progress=False)
    assert (result["best_step"], result["epdms"]) == (6, 0.6)


def test_no_planner_is_chosen_on_a_suite_that_compares(data_sets, mini, tmp_path):
    with pytest.raises(ArgumentError, match="town-hard is of the split 'hard'"):
        train(config(val_suite="town-hard"), tmp_path)
