"""Sweeps of trained scenes: nodes are met where their tracks are, in the shape that they have there."""

from dataclasses import replace

import asset_street
import numpy as np
import pytest
from asset_street import car, car_to_scene, street, street_asset
from test_asset_motion import bobbing

from simscale_gym.geometry import se3
from simscale_gym.rendering import AssetRenderer
from simscale_gym.scene import Moment
from simscale_gym.splats.cpu.pack import pack
from simscale_gym.splats.cpu.rasterizer import CpuRasterizer
from simscale_gym.splats.depth_sweep import LidarConfig, depth_sweep
from simscale_gym.splats.instances import Instances

SENSOR = LidarConfig(channels=24, azimuths=240)


@pytest.mark.parametrize("turn", [0.0, 1.9])
@pytest.mark.parametrize(("frame", "shift"), [(0, 0.0), (5, 0.4), (12, 0.9)])
def test_an_asset_is_swept_as_its_gaussians_in_the_scene_are(turn, frame, shift):
    scene, plain = street(), street_asset(turn)
    asset = replace(plain, nodes=(replace(plain.nodes[0], shapes=bobbing(), kind="deformable"),))
    lifted = car().transformed(car_to_scene(frame=frame) @ se3.rigid(np.eye(3), np.array([0.0, 0.0, shift])))
    background = asset_street.background()
    both = CpuRasterizer([pack(background), pack(lifted)], threads=1)
    parts = Instances([0, 1], np.stack([np.eye(4)] * 2))
    wanted = depth_sweep(both, scene.ego_to_world(scene.ego.poses[frame]), SENSOR, parts)
    made = AssetRenderer(scene, asset, threads=1).sweep(Moment.of_log(scene, frame), SENSOR)
    assert (wanted.instances == 1).sum() > 15 and wanted.valid.mean() > 0.3
    same = np.abs(made.ranges - wanted.ranges) <= 2e-3 * (1.0 + wanted.ranges)
    assert same.mean() > 0.995
    assert ((made.instances == 1) == (wanted.instances == 1)).mean() > 0.998
