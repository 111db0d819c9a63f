import pickle
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from simscale_gym.datagen import Recipe, collect, collection, make_recipe
from simscale_gym.errors import ArgumentError, DataError, MissingExtraError, SceneError
from simscale_gym.perturbation import AlgorithmConfig
from simscale_gym.sources import list_scenes

SPARSE = AlgorithmConfig(stride=9.0, rounds=2)


@pytest.fixture
def recipe(vocabulary, bank):
    return Recipe(("planner", "recovery"), vocabulary, bank, config=SPARSE)


@pytest.fixture
def refs(town_log):
    return list_scenes(town_log[2:4])


def fingerprint(outcomes):
    return {
        (o.scene, o.frame): [
            (s.expert, s.round_index, s.vocabulary_index, s.label.states[-1].ego.tobytes()) for s in o.samples
        ]
        for o in outcomes
    }


def test_clips_come_scene_by_scene_whatever_the_order(refs, recipe):
    one, two = list(collect(refs, recipe)), list(collect(refs[::-1], recipe))
    assert [(o.scene, o.frame) for o in one] == [(ref.id, frame) for ref in refs for frame in (15, 105)]
    assert [o.scene for o in two[:2]] == [refs[1].id] * 2
    assert fingerprint(one) == fingerprint(two) and any(o.samples for o in one)
    counted = [
        sum((o.telemetry.counts for o in run), start=type(run[0].telemetry.counts)()) for run in (one, two)
    ]
    assert counted[0] == counted[1]


def test_workers_find_the_same(recipe, town_cache, monkeypatch):
    refs = list_scenes("town")[2:4]
    expected = [(o.scene, o.frame, o.telemetry.counts) for o in collect(refs, recipe, clips=3)]
    sent, submit = [], ProcessPoolExecutor.submit

    def weighed(pool, *task):
        sent.append(len(pickle.dumps(task)))
        return submit(pool, *task)

    monkeypatch.setattr(ProcessPoolExecutor, "submit", weighed)
    found = [(o.scene, o.frame, o.telemetry.counts) for o in collect(refs, recipe, clips=3, workers=2)]
    assert found == expected
    assert len(sent) == 2 and max(sent) < 1000 < len(pickle.dumps(recipe))  # which goes once to each process


def test_a_limit_of_clips_loads_no_more_scenes(refs, recipe, monkeypatch):
    loaded, load = [], collection.load_scene
    monkeypatch.setattr(
        collection, "load_scene", lambda ref, **how: loaded.append(ref.id) or load(ref, **how)
    )
    assert len(list(collect(refs, recipe, clips=2))) == 2
    assert loaded == [refs[0].id]


def test_bank_and_vocabulary_are_the_sources_where_needed(refs, vocabulary, town_cache):
    own = make_recipe(list_scenes("town"), ("planner",), vocabulary=vocabulary)
    assert own.bank is None and own.vocabulary is vocabulary
    both = make_recipe(refs, ("recovery",), vocabulary=vocabulary)
    assert len(both.bank) > 100


@pytest.mark.parametrize("experts", [(), ("planner", "planner"), ("wizard",), ("recovery",)])
def test_recipes_that_cannot_be_are_named(vocabulary, experts):
    with pytest.raises(ArgumentError, match="experts: "):
        Recipe(experts, vocabulary)


def test_no_scene_is_long_enough(town_scene, recipe):
    tracks, lights, ego = town_scene.tracks, town_scene.lights, town_scene.ego
    over_time = {name: getattr(tracks, name)[:, :60] for name in ("poses", "velocities", "z", "valid")}
    short = replace(
        town_scene,
        timestamps_us=town_scene.timestamps_us[:60],
        ego=replace(ego, **{name: values[:60] for name, values in vars(ego).items()}),
        tracks=replace(tracks, **over_time),
        lights=replace(lights, status=lights.status[:, :60]),
    )
    with pytest.raises(SceneError, match=r"none of 1 scenes lasts the 9.6 s of a clip"):
        list(collect(list_scenes([short]), recipe))
    with pytest.raises(SceneError, match="there is no scene"):
        make_recipe([], ("planner",))


@pytest.mark.parametrize("wrong", [{"workers": 0}, {"clips": 0}])
def test_numbers_that_cannot_be_are_named(refs, recipe, wrong):
    with pytest.raises(ArgumentError, match="expected 1 or more"):
        next(collect(refs, recipe, **wrong))


def test_errors_come_whole_out_of_other_processes():
    error = DataError("a.db", field="lidar_pc", found="nothing", expected="rows", hint="Check.")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is DataError and str(again) == str(error) and again.field == "lidar_pc"
    missing = pickle.loads(pickle.dumps(MissingExtraError("torch", "train")))
    assert str(missing) == str(MissingExtraError("torch", "train"))


def test_samples_are_pickled_whole(refs, recipe):
    outcome = next(o for o in collect(refs, recipe) if o.samples)
    again = pickle.loads(pickle.dumps(outcome))
    assert fingerprint([again]) == fingerprint([outcome])
    np.testing.assert_array_equal(again.samples[0].offset, outcome.samples[0].offset)
