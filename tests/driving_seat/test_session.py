"""What happens in the seat: synthetic hands, no window."""

import numpy as np
import pytest

from simscale_gym.datagen.tape import Tape
from simscale_gym.driving_seat import Controls, session
from simscale_gym.errors import PolicyError, SceneError

NOTHING, THROTTLE, LEFT = Controls(), Controls(throttle=1.0), Controls(steer=1.0)


def place(seat):
    return seat.info["state_hash"]


def tick(seat, *controls):
    """The state's hash after each."""
    hashes = []
    for each in controls:
        seat.tick(each)
        hashes.append(place(seat))
    return hashes


def test_a_drive_waits_for_its_driver(make_session):
    seat = make_session()
    begun = place(seat)
    assert (seat.mode, seat.by_person, seat.has_policy) == ("waits", True, False)
    assert tick(seat, NOTHING, NOTHING) == [begun, begun]
    seat.tick(THROTTLE)
    assert seat.mode == "drives" and place(seat) != begun
    moved = place(seat)
    seat.tick(NOTHING)
    assert place(seat) != moved


def test_it_begins_off_the_log_or_on_it(make_session):
    off, on = make_session(perturb=True), make_session()
    assert off.info["reset"]["perturbed"] and not on.info["reset"]["perturbed"]
    logged = on.env.scene.ego.states[on.env.sim_state.frame]
    np.testing.assert_array_equal(on.env.sim_state.ego, logged)


def test_a_touch_takes_over_and_a_key_gives_back(make_session, straight, tmp_path):
    seat = make_session(policy=straight, name="straight", tape=tmp_path / "tape.json")
    assert (seat.mode, seat.by_person, seat.taped) == ("drives", False, (0, 0.0))
    tick(seat, *[NOTHING] * 3)
    assert not seat.by_person
    tick(seat, LEFT, NOTHING, NOTHING)  # whoever took over drives on with their hands off
    assert seat.by_person and seat.taped == (1, pytest.approx(0.3))
    seat.give_back()
    tick(seat, NOTHING, NOTHING)
    assert not seat.by_person
    tick(seat, THROTTLE)
    assert seat.taped == (2, pytest.approx(0.4))
    seat.next_start()
    (drive,) = Tape.read(tmp_path / "tape.json").drives
    assert drive.by_person.tolist() == [False] * 3 + [True] * 3 + [False] * 2 + [True]
    assert drive.takeovers() == [(3, 6), (8, 9)] and drive.actions.shape == (9, 2)
    assert drive.actions[3, 1] > 0.0  # to the left


def test_the_tape_is_written_as_soon_as_the_wheel_is_given_back(make_session, straight, tmp_path):
    seat = make_session(policy=straight, tape=tmp_path / "tape.json")
    tick(seat, NOTHING)
    seat.give_back()
    assert not (tmp_path / "tape.json").exists()
    tick(seat, THROTTLE)
    seat.give_back()
    assert Tape.read(tmp_path / "tape.json").drives[0].takeovers() == [(1, 2)]


def test_without_a_policy_nobody_takes_the_wheel(make_session):
    seat = make_session()
    seat.give_back()
    assert seat.by_person and seat.mode == "waits"


def test_what_is_taken_back_was_never_driven(make_session, straight, tmp_path):
    seat = make_session(policy=straight, tape=tmp_path / "tape.json")
    first = [place(seat), *tick(seat, NOTHING, NOTHING, THROTTLE, LEFT, LEFT)]
    total = seat.total
    seat.rewind(2)
    assert place(seat) == first[3] and seat.mode == "waits" and seat.by_person
    assert tick(seat, NOTHING) == [first[3]]
    assert tick(seat, LEFT, LEFT) == first[4:] and seat.total == pytest.approx(total)
    seat.rewind(4)
    assert place(seat) == first[1] and not seat.by_person and seat.taped == (0, 0.0)
    assert straight.begun == 3  # at the start, and wherever it may have to go on
    seat.give_back()
    assert tick(seat, NOTHING) == first[2:3]
    seat.next_start()
    assert not (tmp_path / "tape.json").exists()


def test_what_was_paid_is_taken_back_as_well(make_session):
    seat = make_session()
    paid = []
    for _ in range(4):
        seat.tick(THROTTLE)
        paid.append((seat.total, dict(seat.terms)))
    seat.rewind(2)
    assert (seat.total, dict(seat.terms)) == paid[1]
    assert seat.total == pytest.approx(sum(sum(terms.values()) for _, terms in paid[:2]))


def test_time_goes_back_no_farther_than_it_is_remembered(make_session, monkeypatch):
    monkeypatch.setattr(session, "MOST_BACK", 3)
    seat = make_session()
    first = [place(seat), *tick(seat, *[THROTTLE] * 5)]
    seat.rewind(100)
    assert place(seat) == first[2]
    seat.rewind(100)
    assert place(seat) == first[2]
    seat.restart()
    assert place(seat) == first[0] and seat.mode == "waits" and seat.taped == (0, 0.0)


def test_pause_and_single_steps(make_session, straight):
    seat = make_session(policy=straight)
    seat.single_step(NOTHING)
    begun = place(seat)
    seat.pause()
    assert seat.mode == "paused" and tick(seat, NOTHING, LEFT) == [begun, begun]
    seat.single_step(NOTHING)
    assert place(seat) != begun and not seat.by_person and seat.mode == "paused"
    seat.single_step(LEFT)
    assert seat.by_person
    seat.pause()
    assert seat.mode == "drives"


def test_a_drive_ends_and_can_be_taken_back(make_session):
    seat = make_session()
    for _ in range(200):
        seat.tick(Controls(throttle=1.0, steer=1.0))
        if seat.mode == "over":
            break
    assert seat.ending in ("collision", "out_of_road")
    ended = place(seat)
    seat.pause()
    assert tick(seat, LEFT) == [ended] and seat.mode == "over"
    seat.rewind(5)
    assert seat.mode == "waits" and seat.ending == "" and place(seat) != ended


def test_starts_and_scenes_follow_each_other(make_session, tmp_path):
    seat = make_session(tape=tmp_path / "tape.json")
    begun = [(seat.env.scene.id, place(seat))]
    tick(seat, THROTTLE)
    for go_on in (seat.next_start, seat.next_scene):
        following = seat.next_scene_id
        go_on()
        begun.append((seat.env.scene.id, place(seat)))
        tick(seat, THROTTLE, THROTTLE)
    assert begun[0][0] == begun[1][0] != begun[2][0] == following and len({place for _, place in begun}) == 3
    seat.restart()  # is not kept
    seat.close()
    drives = Tape.read(tmp_path / "tape.json").drives
    assert [(drive.scene, len(drive.actions)) for drive in drives] == [(begun[0][0], 1), (begun[1][0], 2)]
    assert len({(drive.frame, drive.start) for drive in drives}) == 2


def test_the_seed_chooses(make_session):
    assert len({place(make_session(perturb=True, seed=seed)) for seed in (0, 3, 3)}) == 2
    assert make_session(seed=3, scene=None).env.scene.id == make_session(seed=0, scene=3).env.scene.id


def test_a_policy_that_fails_is_named(make_session, straight):
    straight.act = lambda observation: np.full((8, 3), np.nan)
    seat = make_session(policy=straight, name="mine.py:make")
    with pytest.raises(PolicyError, match=r"policy mine\.py:make, scene town.*, \d+\.\d s: .*not finite"):
        seat.tick(NOTHING)
    tick(seat, THROTTLE)  # the person may go on


def test_scenes_without_room_are_named(make_session, monkeypatch):
    monkeypatch.setattr(session, "clip_frames", lambda scene: range(0))
    with pytest.raises(
        SceneError, match=r"scene town.*: lasts \d+\.\d s, too short to leave the log and drive"
    ):
        make_session()
