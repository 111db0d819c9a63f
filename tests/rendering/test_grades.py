"""Large pictures are drawn of a finer street, which is dressed once; nothing else changes by that."""

import numpy as np
import pytest

from simscale_gym.dressing.dress import dress_static
from simscale_gym.dressing.looks import packed_look
from simscale_gym.dressing.looks.grade import COARSE, GRADES, grade_of
from simscale_gym.rendering.dressed import SceneRenderer
from simscale_gym.scene import Moment
from simscale_gym.splats import LidarConfig

SMALL, LARGE = (72, 128), (288, 512)
SENSOR = LidarConfig(channels=8, azimuths=8192)  # more rays a radian than the large picture has pixels


@pytest.fixture
def dressed(monkeypatch):
    """What was dressed: details and focal lengths. The streets are coarser ones, which take less time."""
    asked = []

    def cheaply(scene, shapes, *, detail, focal=0.0):
        asked.append((detail, focal))
        return dress_static(scene, shapes, detail=0.3 if focal == 0.0 else 0.45)

    monkeypatch.setattr(packed_look, "dress_static", cheaply)
    return asked


def test_a_large_picture_is_of_a_finer_street_and_all_else_of_the_coarse_one(town_scene, tmp_path, dressed):
    renderer, moment = SceneRenderer(town_scene, cache=tmp_path, threads=1), Moment.of_log(town_scene, 30)
    small, swept = renderer.render([moment], ("cam_l1",), SMALL), renderer.sweep(moment, SENSOR)
    assert dressed == [(COARSE.detail, 0.0)]
    large = renderer.render([moment], ("cam_l1",), LARGE)
    assert dressed[1:] == [(GRADES[1].detail, GRADES[1].focal)] and large.splats > small.splats
    again = renderer.render([moment], ("cam_l1",), SMALL)
    np.testing.assert_array_equal(again.images, small.images)
    np.testing.assert_array_equal(renderer.sweep(moment, SENSOR).ranges, swept.ranges)
    assert again.splats == small.splats and len(dressed) == 2
    kept = SceneRenderer(town_scene, cache=tmp_path, threads=1).render([moment], ("cam_l1",), LARGE)
    np.testing.assert_array_equal(kept.images, large.images)
    assert len(dressed) == 2


def test_every_focal_length_has_a_grade():
    """206 and 386 pixels: pictures 256 and 480 wide, which planners are trained with and exports made of."""
    assert grade_of(103.0) is grade_of(206.0) is grade_of(386.25) is COARSE
    assert grade_of(515.0) is GRADES[1] and grade_of(1545.0) is grade_of(1e6) is GRADES[2]
    assert [grade.focal for grade in GRADES] == sorted(grade.focal for grade in GRADES)
