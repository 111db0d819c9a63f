"""Samples whose pictures show what was not reconstructed fall, and only those."""

import gc
import pickle
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from simscale_gym.agents.log_replay import LogReplay
from simscale_gym.datagen import Recipe, collect, collection, stage_table, trusted_pictures
from simscale_gym.datagen.trusted_pictures import FUTURE, HISTORY, REASON, TrustedPictures
from simscale_gym.errors import ArgumentError, DataError
from simscale_gym.geometry import polyline, se3
from simscale_gym.perturbation import AlgorithmConfig
from simscale_gym.rendering import AssetRenderer
from simscale_gym.scoring.segment import Segment
from simscale_gym.sim import SimState
from simscale_gym.sources import list_scenes
from simscale_gym.splats import Gaussians, SceneAsset, save_asset

SPARSE = AlgorithmConfig(stride=9.0, rounds=2)
LOGGED = range(20, 101)  # frames of two segments along the log


@pytest.fixture(autouse=True)
def shared_renderers(one_renderer_per_scene, town_cache):
    """Streets are dressed once for all tests."""


def on_log(scene, frames=LOGGED, moved=(), metres=0.0):
    """Perturbation and label that follow the log, but ``metres`` to its left at the frames ``moved``."""
    states = []
    for frame in frames:
        ego = scene.ego.states[frame].copy()
        ego[:2] += metres * (frame in moved) * np.array([-np.sin(ego[2]), np.cos(ego[2])])
        states.append(SimState(frame, ego, LogReplay().start(scene, frame, ego)))
    return Segment(tuple(states[:41]), None), Segment(tuple(states[40:]), None)


def test_what_stays_on_the_log_is_kept(town_scene):
    assert TrustedPictures(0.5)(town_scene, *on_log(town_scene)) == ""


@pytest.mark.parametrize("frame", [20 + HISTORY[-1], 60, 60 + FUTURE[0], 60 + FUTURE[-1]])
def test_one_picture_from_inside_the_blocks_is_enough(town_scene, frame):
    assert TrustedPictures(0.25)(town_scene, *on_log(town_scene, moved=[frame], metres=-15.0)) == REASON


def test_states_that_are_not_shown_are_not_judged(town_scene):
    shown = {20 + k for k in HISTORY} | {60 + k for k in FUTURE}
    unseen = [frame for frame in LOGGED if frame not in shown]
    assert len(unseen) == 81 - 12
    assert TrustedPictures(0.5)(town_scene, *on_log(town_scene, moved=unseen, metres=-15.0)) == ""


def test_a_state_is_drawn_once(town_scene, monkeypatch):
    drawn, draw = [], TrustedPictures._drawn_score
    monkeypatch.setattr(
        TrustedPictures, "_drawn_score", lambda self, *args: drawn.append(args[1].frame) or draw(self, *args)
    )
    pictures, segments = TrustedPictures(0.5), on_log(town_scene)
    assert pictures(town_scene, *segments) == pictures(town_scene, *segments) == ""
    assert sorted(drawn) == [45, 50, 55, 60, *range(65, 101, 5)]


def test_states_that_are_gone_are_forgotten(town_scene):
    pictures, segments = TrustedPictures(0.5), on_log(town_scene)
    pictures(town_scene, *segments)
    assert len(pictures._scores) == 12
    del segments
    gc.collect()
    assert not len(pictures._scores)


def test_each_scene_is_drawn_by_its_own_renderer(town_scene, monkeypatch):
    made, make = [], trusted_pictures.make_renderer
    monkeypatch.setattr(
        trusted_pictures,
        "make_renderer",
        lambda scene, **settings: made.append(scene) or make(scene, **settings),
    )
    other, pictures = replace(town_scene), TrustedPictures(0.5)
    for scene in (town_scene, town_scene, other):
        assert pictures(scene, *on_log(scene)) == ""
    assert [scene is town_scene for scene in made] == [True, False]


def test_only_the_cameras_that_are_named_count(town_scene):
    """Before a wall that only one side sees."""
    scores = {
        name: TrustedPictures(0.5, [name]).score(town_scene, off.states[40])
        for name in town_scene.rig.cameras
        for off, _ in [on_log(town_scene, moved=[60], metres=-8.0)]
    }
    assert min(scores.values()) < max(scores.values())
    together = TrustedPictures(0.5, tuple(scores))
    off, _ = on_log(town_scene, moved=[60], metres=-8.0)
    assert together.score(town_scene, off.states[40]) == min(scores.values())


@pytest.fixture
def recipe(vocabulary):
    return Recipe(("planner",), vocabulary, config=SPARSE, min_render_quality=0.25)


def fingerprint(outcomes):
    return [
        [(s.round_index, s.vocabulary_index, s.label.states[-1].ego.tobytes()) for s in o.samples]
        for o in outcomes
    ]


def reject_every_other(monkeypatch):
    """Pictures are untrue where the present is an even number of millimetres along x."""

    def score(self, scene, state):
        return 1.0 if state.frame % 10 or int(abs(state.ego[0]) * 1000) % 2 else 0.0

    monkeypatch.setattr(TrustedPictures, "score", score)


def test_it_is_a_stage_of_its_own(town_log, recipe, monkeypatch):
    refs = list_scenes(town_log[2:4])
    plain = list(collect(refs, replace(recipe, min_render_quality=0.0)))
    reject_every_other(monkeypatch)
    judged = list(collect(refs, recipe))
    fell = 0
    for before, after in zip(plain, judged, strict=True):
        telemetry = after.telemetry
        for k in range(SPARSE.rounds):
            label = telemetry.flow("label", expert="planner", round_index=k)
            render = telemetry.flow("render", expert="planner", round_index=k)
            assert render.entered == label.passed
            assert render.passed == telemetry.accepted("planner", k) <= 1
            assert set(render.rejected) <= {REASON}
            fell += render.rejected.total()
        assert [s.round_index for s in after.samples] == list(range(len(after.samples)))
        assert before.telemetry.flow("render", expert="planner").entered == 0
        assert before.telemetry.accepted("planner") == len(before.samples)
    assert fell > 0 and fingerprint(plain) != fingerprint(judged)


def test_all_rejected_is_said(town_log, recipe, monkeypatch):
    monkeypatch.setattr(TrustedPictures, "score", lambda self, scene, state: 0.0)
    (outcome, *_) = collect(list_scenes(town_log[2:3]), recipe, clips=1)
    assert outcome.samples == () and outcome.telemetry.accepted("planner") == 0
    assert outcome.telemetry.ends == Counter({("planner", "render", REASON): 1})


def test_workers_find_the_same(town_cache, vocabulary):
    """With so high a threshold that it decides, if it can."""
    refs = list_scenes("town")[2:4]
    recipe = Recipe(("planner",), vocabulary, config=SPARSE, min_render_quality=1.0)
    one = [(o.telemetry.counts, fingerprint([o])) for o in collect(refs, recipe, clips=3)]
    two = [(o.telemetry.counts, fingerprint([o])) for o in collect(refs, recipe, clips=3, workers=2)]
    assert one == two


def test_nothing_is_drawn_unless_asked(town_log, vocabulary, monkeypatch):
    monkeypatch.setattr(trusted_pictures, "make_renderer", None)
    recipe = Recipe(("planner",), vocabulary, config=SPARSE)
    assert any(o.samples for o in collect(list_scenes(town_log[2:3]), recipe))


def test_the_table_has_the_stage_where_it_was_there(town_log, recipe):
    (outcome, *_) = collect(list_scenes(town_log[2:3]), recipe, clips=1)
    stages = list(stage_table(outcome.telemetry, ["planner"]).columns[0].cells)
    assert stages[-1] == "render"
    (outcome, *_) = collect(list_scenes(town_log[2:3]), replace(recipe, min_render_quality=0.0), clips=1)
    assert "render" not in list(stage_table(outcome.telemetry, ["planner"]).columns[0].cells)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"min_render_quality": 1.5}, "min_render_quality: 1.5"),
        ({"min_render_quality": float("nan")}, "min_render_quality: nan"),
        ({"min_render_quality": 0.5, "cameras": ()}, "cameras: none"),
    ],
)
def test_recipes_that_cannot_be_are_named(vocabulary, wrong, message):
    with pytest.raises(ArgumentError, match=message):
        Recipe(("planner",), vocabulary, **wrong)


def test_a_folder_without_an_asset_is_named(vocabulary, tmp_path):
    with pytest.raises(DataError, match=r"found no asset\.json"):
        Recipe(("planner",), vocabulary, assets=tmp_path)


def test_samples_are_pickled_without_their_pictures(town_log, recipe):
    (outcome, *_) = collect(list_scenes(town_log[2:3]), recipe, clips=1)
    assert fingerprint([pickle.loads(pickle.dumps(outcome))]) == fingerprint([outcome])


def test_what_was_trained_is_judged_instead_of_the_dressing(town_scene, vocabulary, tmp_path):
    """An asset that knows nothing but the ground within 8 m of the log."""
    path = town_scene.ego.poses[:, :2]
    along, across = np.meshgrid(np.arange(0, 100, 0.2), np.arange(-8.0, 8.1, 0.2), indexing="ij")
    x, y, heading = polyline.at_arc_length(path, along.ravel()).T
    means = np.column_stack([x - across.ravel() * np.sin(heading), y + across.ravel() * np.cos(heading)])
    flat = np.tile([0.15, 0.15, 0.01], (len(means), 1))
    ground = Gaussians.from_rgb(
        np.column_stack([means, np.zeros(len(means))]),
        np.tile([1.0, 0, 0, 0], (len(means), 1)),
        flat,
        np.full(len(means), 0.99),
        np.full((len(means), 3), 0.4),
    )
    to_world = se3.rigid(np.eye(3), town_scene.origin)
    save_asset(tmp_path / town_scene.id, SceneAsset(ground, to_world))
    recipe = Recipe(("planner",), vocabulary, assets=tmp_path, min_render_quality=0.25)
    scene = collection.open_scene(list_scenes([town_scene])[0], recipe.assets)
    pictures = TrustedPictures(recipe.min_render_quality, ["cam_f0"])
    on, off = (on_log(scene, moved=[60], metres=metres)[0].states[40] for metres in (0.0, 20.0))
    assert pictures.score(scene, off) == 0.0 < 0.25 < pictures.score(scene, on)
    assert isinstance(pictures._renderer, AssetRenderer)
