"""Data sets in memory, planners that learn in a second, and evaluations that cost nothing."""

from pathlib import Path

import pytest
from made_up_set import CAMERAS, SIZE, MadeUpSet, made_up_samples, mini_backbone

SUITES = ("town-val", "town-test")


@pytest.fixture
def sets(monkeypatch):
    """``real`` and three simulated ones of town 0, two of town 1 to validate, wherever they lie."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("lightning")
    torch.set_num_threads(1)
    from simscale_gym.experiments import data_sets, plan
    from simscale_gym.training import identity, selection

    made = {"real": MadeUpSet(made_up_samples(24)), "val": MadeUpSet(made_up_samples(8, town=1, seed=2))}
    made["val-planner"] = MadeUpSet(made_up_samples(8, kind="perturbed", town=1, seed=3), "perturbed")
    for seed, name in enumerate(("planner", "recovery", "unified", "replayed"), 3):
        made[name] = MadeUpSet(made_up_samples(40 + seed, kind="perturbed", seed=seed), "perturbed")
    for module in (identity, selection, data_sets, plan):
        monkeypatch.setattr(module, "DataSet", lambda folder: made[Path(folder).name])
    plan._available.cache_clear()
    return made


@pytest.fixture
def mini(monkeypatch):
    """The preset ``mini`` of families that see and of the one that does not."""
    from simscale_gym.planners import (
        FAMILIES,
        EgoStatusConfig,
        InputSpec,
        MixtureConfig,
        ProposalsConfig,
        RegressionConfig,
        ScorerConfig,
        ScoringConfig,
    )

    inputs = InputSpec(CAMERAS, SIZE)
    for name, kind in (
        ("regression", RegressionConfig),
        ("conditioned", RegressionConfig),
        ("mixture", MixtureConfig),
    ):
        monkeypatch.setitem(FAMILIES[name].presets, "mini", kind(inputs, mini_backbone()))
    monkeypatch.setitem(FAMILIES["ego_status"].presets, "mini", EgoStatusConfig(inputs, 16))
    body, scorer = mini_backbone(), ScorerConfig(1, vocabulary=9)
    scoring = ScoringConfig(inputs, body.images, body.attention, scorer=scorer)
    monkeypatch.setitem(FAMILIES["scoring"].presets, "mini", scoring)
    monkeypatch.setitem(FAMILIES["proposals"].presets, "mini", ProposalsConfig(inputs, body, scorer))


@pytest.fixture
def budget(sets, mini, tmp_path):
    """``budget(**changes)``: all that an experiment may use is there."""
    from simscale_gym.experiments import Budget

    def make(*names, **changes):
        data = tuple(f"{name}={tmp_path / 'data' / name}" for name in names or ("real", "planner", "val"))
        plain = {
            "work": tmp_path / "work", "preset": "mini", "steps": 2, "seeds": (0, 1), "ratio": 1.0, "data": data,
            "families": ("regression", "ego_status"), "suites": SUITES,
        }  # fmt: skip
        return Budget(**(plain | changes))

    return make


@pytest.fixture
def judged(monkeypatch):
    """The names that were judged, each with its suite; scores are drawn by name."""
    from made_up_evaluation import made_up_evaluation

    from simscale_gym.experiments import running

    asked = []

    def evaluate(planners, suite, *, calibrate, progress, **told):
        names = tuple(planners) + (running.CALIBRATED if calibrate else ())
        asked.extend((name, suite.name) for name in names)
        progress(len(suite.scenes), len(suite.scenes))
        return made_up_evaluation(names, suite)

    monkeypatch.setattr(running, "evaluate", evaluate)
    return asked
