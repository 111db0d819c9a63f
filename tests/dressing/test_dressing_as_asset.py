"""The look of a dressed street, exported as an asset and drawn as one: the pictures must be those of the dressing."""

from dataclasses import replace

import numpy as np
import pytest
from dressed_asset import dressed_asset
from placed_tracks import with_tracks
from street import TURN, street_scene, street_shapes, turned

from simscale_gym.dressing.looks.camera_look import CameraLook
from simscale_gym.rendering import AssetRenderer, SceneRenderer
from simscale_gym.scene import Moment, TrackType
from simscale_gym.splats.assets.asset_folder import attach_asset, save_asset

FRAME, SIZE = 10, (72, 128)
CAMERAS = ("cam_l0", "cam_f0", "cam_r0")
PLAIN = CameraLook(haze=np.inf, contrast=0.0, sharpness=0.0)


def pose_at(x, y, heading=0.0):
    return np.array([*turned([[x, y]])[0], TURN + heading])


@pytest.fixture(scope="module")
def scene():
    cars = [
        (pose_at(6.0, -1.6), 2.0, TrackType.VEHICLE),
        (pose_at(9.0, 1.7, np.pi), 3.0, TrackType.VEHICLE),
    ]
    return with_tracks(
        replace(street_scene(), shapes=street_shapes(), origin=np.array([6e5, 4e6, 30.0])), *cars
    )


@pytest.fixture(scope="module")
def dressed(scene):
    return SceneRenderer(scene, threads=1, camera_look=PLAIN)


@pytest.fixture(scope="module")
def trained(scene, tmp_path_factory):
    folder = save_asset(tmp_path_factory.mktemp("asset") / "street", dressed_asset(scene, FRAME))
    return AssetRenderer(attach_asset(scene, folder), threads=1)


def pictures(renderer, scene, ego):
    moment = replace(Moment.of_log(scene, FRAME), ego=ego)
    return renderer.render([moment], CAMERAS, SIZE).images[0].astype(float)


def psnr(made, wanted):
    return -10 * np.log10((((made - wanted) / 255) ** 2).mean())


@pytest.mark.parametrize("offset", [(0.0, 0.0, 0.0), (3.0, 1.2, 0.15)])
def test_the_same_pictures(scene, dressed, trained, offset):
    """Street, sky and vehicles, on the log and off it; what differs is levels of detail and the cube map's grain."""
    ego = scene.ego.poses[FRAME] + np.array(offset)
    made, wanted = pictures(trained, scene, ego), pictures(dressed, scene, ego)
    assert wanted.std() > 30
    for camera in range(len(CAMERAS)):
        assert psnr(made[camera], wanted[camera]) > 30
    assert trained.missing_tracks == () == trained.unused_nodes


def test_vehicles_are_part_of_it(scene, dressed, trained):
    """Without them the picture of the front camera is another."""
    ego, alone = scene.ego.poses[FRAME], replace(Moment.of_log(scene, FRAME), valid=np.zeros(2, bool))
    bare, bare_dressed = (
        renderer.render([alone], CAMERAS, SIZE).images[0].astype(float) for renderer in (trained, dressed)
    )
    assert psnr(bare[1], bare_dressed[1]) > 30 > psnr(bare[1], pictures(trained, scene, ego)[1])
