"""A planner that is small enough to learn in a second, and names of folders that stand for data sets in memory."""

import pytest
from made_up_set import CAMERAS, SIZE, VOCABULARY, MadeUpSet, made_up_samples, mini_backbone


@pytest.fixture
def data_sets(monkeypatch):
    """``real`` and ``sim`` of town 0, ``val`` and ``val-sim`` of town 1."""
    pytest.importorskip("torch")
    from simscale_gym.training import identity, selection

    sets = {
        "real": MadeUpSet(made_up_samples(24)),
        "sim": MadeUpSet(made_up_samples(48, kind="perturbed", seed=1), "perturbed"),
        "val": MadeUpSet(made_up_samples(8, town=1, seed=2)),
        "val-sim": MadeUpSet(made_up_samples(4, kind="perturbed", town=1, seed=3), "perturbed"),
        "small": MadeUpSet(made_up_samples(8), size=(8, 16)),
    }
    for module in (identity, selection):
        monkeypatch.setattr(module, "DataSet", sets.__getitem__)
    return sets


@pytest.fixture
def mini(monkeypatch):
    """The preset ``mini`` of the family ``regression``."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(
        1
    )  # threads that wait for each other take longer than the little there is to compute
    from simscale_gym.planners import FAMILIES, InputSpec, RegressionConfig

    config = RegressionConfig(InputSpec(CAMERAS, SIZE), mini_backbone())
    monkeypatch.setitem(FAMILIES["regression"].presets, "mini", config)
    return config


@pytest.fixture
def minis(mini, monkeypatch):
    """The preset ``mini`` of every family."""
    from simscale_gym.planners import (
        FAMILIES,
        DiffusionConfig,
        MixtureConfig,
        ProposalsConfig,
        ScorerConfig,
        ScoringConfig,
    )
    from simscale_gym.planners.ego_status import EgoStatusConfig

    inputs, backbone, scorer = mini.inputs, mini.backbone, ScorerConfig(vocabulary=VOCABULARY)
    presets = {
        "conditioned": mini,
        "mixture": MixtureConfig(inputs, backbone),
        "diffusion": DiffusionConfig(inputs, backbone, anchors=4),
        "proposals": ProposalsConfig(inputs, backbone, scorer, proposals=4),
        "scoring": ScoringConfig(
            inputs, backbone.images, backbone.attention, grid=backbone.grid, scorer=scorer
        ),
        "ego_status": EgoStatusConfig(inputs, width=16),
    }
    for family, preset in presets.items():
        monkeypatch.setitem(FAMILIES[family].presets, "mini", preset)
    return {"regression": mini, **presets}
