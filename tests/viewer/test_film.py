import imageio.v2 as imageio
import numpy as np
import pytest
from placed_tracks import with_tracks

from simscale_gym.agents.log_replay import LogReplay
from simscale_gym.sim import SimState
from simscale_gym.viewer import FilmWriter, Overlay, bev, film_frame


@pytest.fixture
def frame_of(town_scene):
    scene = with_tracks(town_scene)
    ego = scene.ego.states[60]
    state = SimState(60, ego, LogReplay().start(scene, 60, ego))
    ways = Overlay(log=ego[None, :3], perturbed=ego[None, :3], driven=ego[None, :3])
    return lambda images, lines=(): film_frame(scene, state, images, ways, lines)


def plain(color, height=72, width=128):
    return np.full((height, width, 3), color, np.uint8)


def test_cameras_stand_from_left_to_right(frame_of):
    images = {"cam_r0": plain((0, 0, 200)), "cam_f0": plain((0, 200, 0)), "cam_l0": plain((200, 0, 0))}
    picture = frame_of(images)
    width = picture.shape[1]
    assert picture.dtype == np.uint8 and width >= 960
    thirds = [picture[100, width * k // 6].argmax() for k in (1, 3, 5)]
    assert thirds == [0, 1, 2]


def test_the_birds_eye_view_stands_below(frame_of):
    picture = frame_of({"cam_f0": plain((0, 0, 0))})
    top = picture.shape[0] - 420
    assert not (np.abs(picture[:top].astype(int) - bev.EGO).max(-1) < 12).any()
    assert (np.abs(picture[top:].astype(int) - bev.EGO).max(-1) < 12).sum() > 100


def test_eight_cameras_stand_around_the_birds_eye_view(frame_of):
    colors = {
        "cam_l0": (250, 0, 0), "cam_f0": (0, 250, 0), "cam_r0": (0, 0, 250),
        "cam_l1": (250, 250, 0), "cam_r1": (0, 250, 250),
        "cam_l2": (250, 0, 250), "cam_b0": (250, 250, 250), "cam_r2": (125, 125, 125),
    }  # fmt: skip
    picture = frame_of({name: plain(color) for name, color in colors.items()})
    cell_height, cell_width = (picture.shape[0] // 3), (picture.shape[1] - 300) // 3
    for (row, column), name in zip(
        ((0, 0), (0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1), (2, 2)), colors, strict=True
    ):
        at = picture[cell_height * row + cell_height // 2, cell_width * column + cell_width // 2]
        np.testing.assert_array_equal(at, colors[name], err_msg=name)
    middle = picture[cell_height : 2 * cell_height, cell_width : 2 * cell_width]
    assert (np.abs(middle.astype(int) - bev.EGO).max(-1) < 12).sum() > 30


def test_what_is_behind_stands_below_what_is_ahead(frame_of):
    picture = frame_of({"cam_f0": plain((0, 250, 0)), "cam_b0": plain((250, 0, 0))})
    top = (picture.shape[0] - 420) // 2
    assert (picture[top // 2, 480] == (0, 250, 0)).all() and (
        picture[top + top // 2, 480] == (250, 0, 0)
    ).all()


def test_text_never_runs_into_the_legend(frame_of):
    bare, said = frame_of({}), frame_of({}, [f"term {k}: +0.000" for k in range(40)])
    rows = np.flatnonzero((bare != said).any((1, 2)))
    legend = np.flatnonzero((bare[:, 670:] == bev.EGO).all(-1).any(1)).min()
    assert rows.max() < legend


def test_the_legend_names_what_is_there(town_scene):
    scene = with_tracks(town_scene)
    ego = scene.ego.states[60]
    state = SimState(60, ego, LogReplay().start(scene, 60, ego))
    log, nothing, plan = scene.ego.poses, np.zeros((0, 3)), scene.ego.poses[60:80]
    bare = film_frame(scene, state, {}, Overlay(log, nothing, nothing))[:, 660:]
    more = film_frame(scene, state, {}, Overlay(log, log[:50], nothing, [plan]))[:, 660:]
    for color in (bev.PERTURBED, bev.PLAN):
        assert not (bare == color).all(-1).any() and (more == color).all(-1).any()


@pytest.mark.parametrize("size", [(72, 128), (73, 129), (31, 65), (216, 384), (8, 8)])
@pytest.mark.parametrize("cameras", [(), ("cam_f0",), ("cam_l0", "cam_f0", "cam_r0")])
def test_sides_are_even_and_hold_the_panel(frame_of, size, cameras):
    picture = frame_of({name: plain((90, 90, 90), *size) for name in cameras})
    height, width = picture.shape[:2]
    assert height % 2 == 0 and width % 2 == 0 and width >= 960


def test_text_is_drawn(frame_of):
    bare, said = frame_of({}), frame_of({}, ("something to say",))
    assert (bare != said).any() and (bare != said)[:, :600].sum() == 0


def film(path, frames):
    with FilmWriter(path, fps=10) as writer:
        for frame in frames:
            writer.add(frame)


def test_a_film_can_be_played(tmp_path):
    path = tmp_path / "new" / "film.mp4"
    film(path, [plain((20 * k, 100, 250 - 20 * k), 64, 96) for k in range(12)])
    with imageio.get_reader(path) as reader:
        frames = [np.asarray(frame) for frame in reader]
        assert reader.get_meta_data()["fps"] == 10
    assert len(frames) == 12 and frames[0].shape == (64, 96, 3)
    for k in (0, 5, 11):
        np.testing.assert_allclose(frames[k].mean((0, 1)), [20 * k, 100, 250 - 20 * k], atol=8)
    assert list(path.parent.iterdir()) == [path]


def test_an_error_leaves_no_part_of_a_film(tmp_path):
    path = tmp_path / "film.mp4"
    with pytest.raises(RuntimeError, match="the drive failed"), FilmWriter(path, fps=10) as writer:
        writer.add(plain((9, 9, 9)))
        raise RuntimeError("the drive failed")
    assert list(tmp_path.iterdir()) == []


def test_an_error_keeps_the_film_of_before(tmp_path):
    path = tmp_path / "film.mp4"
    film(path, [plain((9, 9, 9))] * 3)
    before = path.read_bytes()
    with pytest.raises(KeyboardInterrupt), FilmWriter(path, fps=10) as writer:
        writer.add(plain((99, 9, 9)))
        raise KeyboardInterrupt
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_a_film_without_frames_leaves_nothing(tmp_path):
    with FilmWriter(tmp_path / "film.mp4", fps=10):
        pass
    assert list(tmp_path.iterdir()) == []
