"""NAVSIM itself, unchanged, opens what is exported and scores it as we do.

Runs where ``navsim`` and ``nuplan`` can be imported (see ``tests/navsim_peer.py``); skipped elsewhere.
"""

import pytest

pytest.importorskip("navsim.common.dataloader", reason="NAVSIM is not installed")
pytest.importorskip("nuplan.planning", reason="nuplan-devkit is not installed")
pytest.importorskip("pytorch_lightning", reason="NAVSIM's agents need pytorch-lightning")

import numpy as np
from navsim_peer import Navsim, our_scores

from simscale_gym.datagen.navsim import export_navsim, export_two_stage
from simscale_gym.datagen.navsim.frames import steady
from simscale_gym.datagen.navsim.two_stage import SPLIT
from simscale_gym.datagen.navsim.work import Samples


@pytest.fixture(scope="module", params=["written", "log_written"])
def opened(request, tmp_path_factory):
    """A data set, what was exported of it, and NAVSIM on that, set by set."""
    folder, out = request.getfixturevalue(request.param), tmp_path_factory.mktemp(request.param) / "x"
    done = [item for items in export_navsim(folder, out, workers=1) for item in items]
    return Samples.of(folder), done, {name: Navsim(out, name) for name in {item.set_name for item in done}}


def test_its_loader_finds_every_sample(opened):
    _, done, peers = opened
    for name, peer in peers.items():
        assert sorted(peer.loader.tokens) == sorted(item.token for item in done if item.set_name == name)
        listed = peer.loader.get_tokens_list_per_log()
        assert {log: [item.token for item in done if item.log_name == log] for log in listed} == listed


def test_its_scores_are_ours(opened):
    """Human and constant velocity, out of its own metric cache, against our scores of the same plans."""
    samples, done, peers = opened
    tokens = {item.key: (item.set_name, item.token) for item in done}
    for scene_id, rows in samples.rows.items():
        row, scene = rows[-1], samples.scene(scene_id)
        name, token = tokens[row["key"]]
        moments = samples.data_set.read(row).moments
        theirs = peers[name].scores(token, peers[name].cache(token))
        ours = our_scores(scene, moments, steady(moments, [0]))
        assert theirs.keys() == ours.keys()
        for agent, columns in theirs.items():
            for column, value in columns.items():
                assert ours[agent][column] == pytest.approx(value, abs=1e-6), (row["key"], agent, column)


def test_it_sees_the_status_that_we_wrote(opened):
    samples, done, peers = opened
    item = done[-1]
    row = next(r for rows in samples.rows.values() for r in rows if r["key"] == item.key)
    moments = samples.data_set.read(row).moments
    told = peers[item.set_name].loader.get_agent_input_from_token(item.token).ego_statuses
    past = moments.ego[[moments.row(step) for step in range(-3, 1)]]
    np.testing.assert_allclose([status.ego_velocity for status in told], past[:, 3:5], rtol=1e-6)
    history = samples.data_set.read(row).arrays.history
    np.testing.assert_allclose([status.ego_pose for status in told], history, atol=1e-5)


def test_it_opens_both_stages(perturbed, logged, tmp_path):
    """Pickled objects of nuPlan included, which were written without it."""
    pairs = [
        pair for items in export_two_stage(perturbed, logged, tmp_path / "x", workers=1) for pair in items
    ]
    pairs = [pair for pair in pairs if not pair.skipped]
    peer = Navsim(tmp_path / "x", SPLIT, synthetic=True)
    assert sorted(peer.loader.tokens_stage_one) == sorted(
        t for pair in pairs for t in (pair.now, pair.previous)
    )
    followers = [token for pair in pairs for both in pair.followers for token in both]
    assert sorted(peer.loader.reactive_tokens_stage_two) == sorted(followers)
    for token, human in ((pairs[0].previous, True), (followers[0], False), (followers[1], False)):
        cache = peer.cache(token)
        assert len(cache.future_tracked_objects) == 40 and (cache.human_trajectory is not None) == human
        assert set(peer.scores(token, cache)) == {"constant velocity"} | ({"human"} if human else set())
