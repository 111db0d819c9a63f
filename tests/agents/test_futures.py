import numpy as np
import pytest
from placed_tracks import ahead_of, passing, with_tracks

from simscale_gym.agents.futures import HORIZON_STEPS, HumanFutures
from simscale_gym.errors import DataError, SceneError
from simscale_gym.geometry import se2
from simscale_gym.scene import TrackType


def test_a_future_is_what_the_log_did_next(town_scene):
    bank = HumanFutures.from_scenes([town_scene], stride=0.5)
    poses = town_scene.ego.poses
    starts = np.arange(0, town_scene.num_frames - HORIZON_STEPS, 5)
    assert len(bank) == len(starts)
    for row in (0, 7, len(bank) - 1):
        start = poses[starts[row]]
        cos, sin = np.cos(start[2]), np.sin(start[2])
        for step in (0, 19, 39):
            x, y, heading = poses[starts[row] + 1 + step] - start
            by_hand = [cos * x + sin * y, cos * y - sin * x, (heading + np.pi) % (2 * np.pi) - np.pi]
            np.testing.assert_allclose(bank.poses[row, step], by_hand, atol=1e-9)
        np.testing.assert_array_equal(bank.velocities[row], town_scene.ego.states[starts[row], 3:5])


def test_the_last_future_reaches_the_last_frame(town_scene):
    bank = HumanFutures.from_scenes([town_scene], stride=0.1)
    assert len(bank) == town_scene.num_frames - HORIZON_STEPS
    last = se2.poses_to_world(town_scene.ego.poses[-1 - HORIZON_STEPS], bank.poses[-1, -1:])[0]
    np.testing.assert_allclose(last[:2], town_scene.ego.poses[-1, :2], atol=1e-9)


def test_scenes_do_not_run_into_each_other(town_log):
    alone = [HumanFutures.from_scenes([scene]) for scene in town_log[2:4]]
    together = HumanFutures.from_scenes(iter(town_log[2:4]))
    np.testing.assert_array_equal(together.poses, HumanFutures.concatenate(alone).poses)
    np.testing.assert_array_equal(together.velocities, HumanFutures.concatenate(alone).velocities)


def test_others_futures_begin_at_their_rear_axle(town_scene):
    """A car that drives straight on at 8 m/s: its futures are straight lines of 32 m."""
    car = passing(ahead_of(town_scene, 100, 30.0), 8.0, 100)
    scene = with_tracks(
        town_scene,
        (car, 8.0, TrackType.VEHICLE),
        (car, 0.0, TrackType.VEHICLE),  # parked
        (car, 2.0, TrackType.PEDESTRIAN),
    )
    own, all_ = (HumanFutures.from_scenes([scene], others=others) for others in (False, True))
    assert len(all_) == 2 * len(own)
    theirs = all_.poses[len(own) :]
    expected = np.stack([0.8 * np.arange(1, 41), np.zeros(40), np.zeros(40)], axis=1)
    np.testing.assert_allclose(theirs, np.broadcast_to(expected, theirs.shape), atol=1e-6)
    np.testing.assert_allclose(all_.velocities[len(own) :], np.broadcast_to([8.0, 0.0], (len(own), 2)))


def test_who_is_lost_from_sight_gives_no_future(town_scene):
    car = ahead_of(town_scene, 0, 30.0)
    scene = with_tracks(town_scene, (car, 8.0, TrackType.VEHICLE))
    whole = len(HumanFutures.from_scenes([scene], others=True))
    scene.tracks.valid[0, 90:95] = False
    own = len(HumanFutures.from_scenes([scene]))
    assert len(HumanFutures.from_scenes([scene], others=True)) == own < whole


def test_saved_and_loaded(bank, tmp_path):
    path = tmp_path / "deep" / "bank.npz"
    bank.save(path)
    again = HumanFutures.load(path)
    np.testing.assert_allclose(again.poses, bank.poses, atol=1e-5)
    np.testing.assert_allclose(again.velocities, bank.velocities, atol=1e-5)
    assert again.poses.dtype == float
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_save_leaves_the_old_file_and_nothing_else(bank, tmp_path, monkeypatch):
    path = tmp_path / "bank.npz"
    bank.save(path)
    before = path.read_bytes()

    def full(file, **arrays):
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(DataError, match="disk full"):
        bank.save(path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def corrupt(path, how):
    whole = path.read_bytes()
    if how == "empty":
        path.write_bytes(b"")
    elif how == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif how == "text":
        path.write_text("not an archive")
    elif how == "flipped":
        middle = len(whole) // 2
        path.write_bytes(
            whole[:middle] + bytes(255 - b for b in whole[middle : middle + 64]) + whole[middle + 64 :]
        )
    elif how == "other names":
        np.savez(path, a=np.zeros(3))
    elif how == "shape":
        np.savez(path, poses=np.zeros((4, 10, 3)), velocities=np.zeros((4, 2)))
    elif how == "lengths":
        np.savez(path, poses=np.zeros((4, 40, 3)), velocities=np.zeros((5, 2)))
    elif how == "words":
        np.savez(path, poses=np.array([["a"]]), velocities=np.zeros((5, 2)))
    elif how == "objects":
        np.savez(path, poses=np.array([{}], dtype=object), velocities=np.zeros((5, 2)))
    elif how == "nan":
        np.savez(path, poses=np.full((4, 40, 3), np.nan), velocities=np.zeros((4, 2)))
    elif how == "none":
        np.savez(path, poses=np.zeros((0, 40, 3)), velocities=np.zeros((0, 2)))
    elif how == "one array":
        with path.open("wb") as file:
            np.save(file, np.zeros(3))


HOWS = ("empty", "cut", "text", "flipped", "other names", "shape", "lengths", "words", "objects", "nan", "none", "one array")  # fmt: skip # noqa: E501


@pytest.mark.parametrize("how", HOWS)
def test_a_corrupt_file_is_named(bank, tmp_path, how):
    path = tmp_path / "bank.npz"
    bank.save(path)
    corrupt(path, how)
    with pytest.raises(DataError, match=f"{path}.*found .*, expected "):
        HumanFutures.load(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"no\.npz"):
        HumanFutures.load(tmp_path / "no.npz")


def test_scenes_that_are_too_short_are_refused(town_scene):
    from dataclasses import replace

    from simscale_gym.scene import EgoLog

    class Short:
        ego = EgoLog(
            *(a[:40] for a in (town_scene.ego.states, town_scene.ego.z, town_scene.ego.z, town_scene.ego.z))
        )
        tracks = replace(town_scene.tracks)

    with pytest.raises(SceneError, match=r"none of 2 scenes lasts 4\.0 s or more"):
        HumanFutures.from_scenes([Short, Short])
    with pytest.raises(SceneError, match="none of 0 scenes"):
        HumanFutures.from_scenes([])
