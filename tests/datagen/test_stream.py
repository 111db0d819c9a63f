"""A stream is the same for the same seed, mixes as told, goes on where it was, and is never broken by a scene."""

import json
import logging
import pickle
from collections import Counter
from dataclasses import replace
from itertools import islice, pairwise

import numpy as np
import pytest

from simscale_gym.datagen import DataSet, feeds
from simscale_gym.datagen.feeds import SceneFeed, Share
from simscale_gym.datagen.opened_spec import OpenSpec
from simscale_gym.errors import ArgumentError, DataError, SceneError

torch = pytest.importorskip("torch")
torchdata = pytest.importorskip("torchdata.stateful_dataloader")

from simscale_gym.datagen import SampleStream  # noqa: E402


@pytest.fixture(scope="module")
def small_spec(data_spec):
    changes = {
        "history": 0,
        "future": 0,
        "moments_ahead": 8,
        "image_size": (9, 16),
        "cameras": ("cam_f0",),
        "stride": 5.0,
    }
    return replace(data_spec, **changes)


@pytest.fixture
def stream(small_spec, log_spec, one_renderer_per_scene):
    """``stream(**settings)``: both halves made on the fly."""
    real = replace(log_spec, clips=None)
    return lambda **settings: SampleStream(small_spec, real, **({"open_scenes": 2} | settings))


def loader(stream, workers=2):
    fork = "fork" if workers else None  # so that workers see the patches of these tests
    return torchdata.StatefulDataLoader(
        stream, batch_size=2, num_workers=workers, multiprocessing_context=fork
    )


def shown(batch):
    """What tells batches apart."""
    numbers = [batch[name].numpy().tobytes() for name in ("pictures", "target", "boxes", "class_map")]
    return batch["key"], batch["seed"].tolist(), *numbers


def test_it_goes_on_exactly_where_it_was(stream):
    """Two workers, in the middle of scenes and passes: the state is JSON, the loader and the stream are new."""
    batches = iter(loader(stream()))
    before = [shown(next(batches)) for _ in range(3)]
    begun = loader(stream())
    taken = iter(begun)
    assert [shown(next(taken)) for _ in range(3)] == before
    state = pickle.loads(pickle.dumps(begun.state_dict()))
    rest = [shown(next(batches)) for _ in range(5)]
    again = loader(stream())
    again.load_state_dict(state)
    assert [shown(batch) for batch in islice(again, 5)] == rest
    assert len({batch[0][0] for batch in rest}) > 2


def test_going_on_repeats_no_more_than_the_clips_at_hand(stream, monkeypatch):
    monkeypatch.setattr(feeds, "CLIPS_TOGETHER", 1)
    searched, search = [], feeds.SceneSamples.drives
    monkeypatch.setattr(
        feeds.SceneSamples, "drives", lambda self, frames: searched.append(frames) or search(self, frames)
    )
    begun = stream(real_share=0.0)
    items = iter(begun)
    before = [next(items)["key"] for _ in range(12)]
    state, count = json.loads(json.dumps(begun.state_dict())), len(searched)
    rest = [next(items)["key"] for _ in range(4)]
    again = stream(real_share=0.0)
    again.load_state_dict(state)
    after = len(searched)
    assert [item["key"] for item in islice(again, 4)] == rest
    repeated = len(searched) - after
    assert count >= 4 and repeated <= 2 + 4 and len(before) == 12


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5])
def test_real_samples_come_at_the_set_ratio(stream, share):
    items = list(islice(stream(real_share=share), 8))
    assert sum(not item["is_sim"] for item in items) == 8 * share


def test_no_pass_shows_what_another_did(stream):
    seen = Counter((item["key"], int(item["seed"])) for item in islice(stream(real_share=0.0), 40))
    assert max(seen.values()) == 1 and len({seed for _, seed in seen}) > 1


def test_real_samples_come_from_a_disk(small_spec, log_written, one_renderer_per_scene):
    data_set = DataSet(log_written)
    made = SampleStream(small_spec, data_set, real_share=0.75, open_scenes=1)
    real = [item["key"] for item in islice(made, 16) if not item["is_sim"]]
    keys = [row["key"] for row in data_set.rows.to_pylist()]
    assert Counter(real[:6]) == Counter(real[6:]) == Counter(keys) and real[:6] != real[6:]


def test_workers_share_the_scenes():
    places = [
        Share((0,), index, 3).place(number, 7) for number in range(7) for index in range(3)
    ]  # in the order of the whole sequence
    for turn in range(3):
        assert sorted(index for when, index in places if when == turn) == list(range(7))
    orders = [[index for when, index in places if when == turn] for turn in range(3)]
    assert orders[0] != orders[1] != orders[2]


def test_siblings_of_a_clip_are_apart(small_spec, one_renderer_per_scene):
    """Of the clips that are searched together, samples come mixed."""
    feed = SceneFeed(OpenSpec.of(small_spec), Share((0,)), 2)
    clips = [(sample.row["scene"], sample.row["frame"]) for sample in (feed.take() for _ in range(12))]
    assert sum(one == two for one, two in pairwise(clips)) < 6


def break_scene(monkeypatch, broken):
    """Let scenes for which ``broken`` says so be damaged."""

    class Broken(feeds.SceneSamples):
        def __init__(self, task, opened, threads=1):
            if broken(task.ref.id):
                raise DataError(task.ref.id, found="half a file", expected="a scene")
            super().__init__(task, opened, threads)

    monkeypatch.setattr(feeds, "SceneSamples", Broken)


def test_a_scene_that_cannot_be_used_is_skipped_and_said(stream, monkeypatch, caplog):
    made = stream(real_share=0.0)
    bad = made._simulated.refs[0].id
    break_scene(monkeypatch, lambda scene: scene == bad)
    with caplog.at_level(logging.WARNING, "simscale_gym"):
        items = list(islice(made, 12))
    assert len(items) == 12 and f"{bad} is skipped (1 so far)" in caplog.text and "half a file" in caplog.text
    assert made.state_dict()["simulated"]["skipped"] >= 1


def test_a_source_without_a_usable_scene_is_an_error(stream, monkeypatch):
    break_scene(monkeypatch, lambda scene: True)
    with pytest.raises(SceneError, match=r"50 scenes one after the other gave no sample.*half a file"):
        next(iter(stream(real_share=0.0)))


def test_the_state_of_another_stream_is_refused(stream):
    made = stream()
    next(iter(made))
    with pytest.raises(ArgumentError, match="of other specs, shares or seeds"):
        stream(seed=1).load_state_dict(made.state_dict())
    other = stream(rank=1, world_size=2)
    with pytest.raises(ArgumentError, match="other specs"):
        other.load_state_dict({})


def test_another_number_of_workers_is_refused(stream):
    made = stream()
    next(iter(made))
    other = stream(world_size=2)
    other.load_state_dict(made.state_dict())
    with pytest.raises(ArgumentError, match=r"worker 0 of 1, this is 0 of 2"):
        iter(other)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"real_share": 1.5}, "real_share: 1.5, expected 0 to 1"),
        ({"open_scenes": 0}, "open_scenes: 0"),
        ({"rank": 2, "world_size": 2}, "rank: 2 of 2"),
    ],
)
def test_streams_that_cannot_be_are_named(stream, wrong, named):
    with pytest.raises(ArgumentError, match=named):
        stream(**wrong)


def test_a_new_iterator_begins_anew(stream):
    made = stream()
    first = [item["key"] for item in islice(made, 3)]
    assert [item["key"] for item in islice(made, 3)] == first
    np.testing.assert_equal(made.state_dict()["taken"], 3)
