"""NAVSIM itself, unchanged, gives planners the two-stage scores that we give them by its rules.

Runs where ``navsim`` and ``nuplan`` can be imported (see ``tests/navsim_peer.py``); skipped elsewhere.
"""

import pytest

pytest.importorskip("navsim.common.dataloader", reason="NAVSIM is not installed")
pytest.importorskip("nuplan.planning", reason="nuplan-devkit is not installed")
pytest.importorskip("pytorch_lightning", reason="NAVSIM's agents need pytorch-lightning")

from made_up_plans import BendingPlans
from navsim_peer import Navsim

from simscale_gym.datagen.navsim.two_stage import SPLIT
from simscale_gym.evaluation import evaluate, export_suite
from simscale_gym.evaluation.entrants import entrants_of
from simscale_gym.evaluation.navsim.export import plan_files
from simscale_gym.metrics import COLUMNS

COMPARED = (*COLUMNS.values(), "score", "weight")


def test_its_two_stage_scores_are_ours(small_suite, town_scene, tmp_path):
    """Every subscore of every plan at every moment, the weights, and what is made of them."""
    planners, told = {"bending": BendingPlans()}, {"scenes": [town_scene]}
    pairs = [pair for done in export_suite(small_suite, tmp_path / "x", planners, **told) for pair in done]
    assert pairs and not any(pair.skipped for pair in pairs)
    ours = evaluate(planners, small_suite, parts=["plans"], rules="navsim", **told)
    peer, caches = Navsim(tmp_path / "x", SPLIT, synthetic=True), {}
    for entrant in entrants_of(planners):
        (file,) = plan_files(entrant)
        theirs, means = peer.two_stage(tmp_path / "x" / file, caches)
        rows = ours.navsim_rows(entrant.name)
        assert {row["token"] for row in rows} == set(theirs)
        for row in rows:
            for name in COMPARED:
                found = theirs[row["token"]][name]
                assert row[name] == pytest.approx(found, abs=1e-6), (entrant.name, row["token"], name)
        figures = [ours.score(entrant.name, figure) for figure in ("epdms", "stage_one", "stage_two")]
        assert figures == pytest.approx(means, abs=1e-6)
