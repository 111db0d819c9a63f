"""Moments of a scene: what was recorded, and what cannot be one."""

from dataclasses import replace

import numpy as np
import pytest
from small_town import make_scene

from simscale_gym.errors import ArgumentError
from simscale_gym.scene import LightStatus, Moment


def test_what_was_recorded():
    scene = make_scene()
    moment = Moment.of_log(scene, 2)
    np.testing.assert_array_equal(moment.ego, scene.ego.poses[2])
    np.testing.assert_array_equal(moment.poses, scene.tracks.poses[:, 2])
    np.testing.assert_array_equal(moment.valid, scene.tracks.valid[:, 2])
    assert moment.lights.tolist() == [LightStatus.RED] and not moment.braking.any()
    moment.check(scene)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ego": np.zeros(2)}, r"moment\.ego has shape \(2,\)"),
        ({"ego": np.array([0.0, np.nan, 0.0])}, r"moment\.ego .*not finite"),
        ({"poses": np.zeros((7, 3))}, r"moment\.poses has shape \(7, 3\)"),
        ({"braking": np.zeros(0, bool)}, r"moment\.braking has shape \(0,\)"),
    ],
)
def test_what_cannot_be_one_is_named(changes, message):
    with pytest.raises(ArgumentError, match=message):
        replace(Moment.of_log(make_scene(), 0), **changes)


def test_a_moment_of_another_scene_is_told_so():
    scene = make_scene()
    moment = replace(Moment.of_log(scene, 0), lights=np.zeros(3, np.uint8))
    with pytest.raises(ArgumentError, match=r"has \d+ tracks and 3 lights, scene .* has \d+ and 1"):
        moment.check(scene)
