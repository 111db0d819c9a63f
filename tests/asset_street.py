"""A street far from the origin, sloped and turned, and the same things as an asset in any frame and format."""

import json

import numpy as np
import torch_zip

from simscale_gym.geometry import se3
from simscale_gym.scene import EgoLog, RoadMap, Scene, Tracks, TrafficLights
from simscale_gym.splats.assets.node_asset import NodeAsset, NodePoses
from simscale_gym.splats.assets.scene_asset import SceneAsset
from simscale_gym.splats.gaussians import Gaussians

FRAMES = 20
ORIGIN = np.array([664_000.0, 3_998_000.0, 12.0])
HEADING, PITCH = 0.45, 0.04
START_US = 1_630_000_000_000_000
CAR_SIZE = np.array([4.4, 1.8, 1.4])
RED, BLUE, GRAY = (0.9, 0.1, 0.1), (0.1, 0.2, 0.9), (0.4, 0.4, 0.4)


def along(x, y=0.0, z=0.0):
    """Street coordinates (forward, left, above the road) to the scene's frame, `[..., 3]`."""
    points = np.stack(np.broadcast_arrays(x, y, z), -1).astype(float)
    return points @ se3.rpy_to_matrix(0.0, -PITCH, HEADING).T


def block(rng, center, size, rgb, count=400):
    """Gaussians that fill a box, `count` of them."""
    means = np.asarray(center, float) + rng.uniform(-0.5, 0.5, (count, 3)) * size
    quats, scales = rng.normal(size=(count, 4)), rng.uniform(0.1, 0.2, (count, 3))
    return Gaussians.from_rgb(means, quats, scales, np.full(count, 0.9), np.tile(rgb, (count, 1)))


def background():
    """Road, and a red block on the left side of it ahead, in the scene's frame."""
    rng = np.random.default_rng(0)
    x, y = np.meshgrid(np.arange(-10, 60, 0.8), np.arange(-9, 9.1, 0.8))
    places = np.column_stack([x.ravel(), y.ravel(), np.zeros(x.size)])
    road = Gaussians.from_rgb(
        places, np.tile([1.0, 0, 0, 0], (x.size, 1)), np.tile([0.5, 0.5, 0.02], (x.size, 1)),
        np.full(x.size, 0.95), np.tile(GRAY, (x.size, 1)),
    )  # fmt: skip
    tall = block(rng, (12.0, 9.5, 2.0), (3.0, 3.0, 4.0), RED)
    turn = se3.rigid(se3.rpy_to_matrix(0.0, -PITCH, HEADING), np.zeros(3))
    whole = Gaussians.concatenate([road, tall]).transformed(turn)
    sh = np.pad(whole.sh, ((0, 0), (0, 15), (0, 0)))
    sh[:, 1:] = np.random.default_rng(1).normal(size=sh[:, 1:].shape) * 0.02  # colors depend on the direction
    return Gaussians(whole.means, whole.quats, whole.scales, whole.opacities, sh.astype(np.float32))


def car():
    """A blue car with a red front in its own frame."""
    rng = np.random.default_rng(2)
    front = block(rng, (1.8, 0.0, 0.0), (0.8, *CAR_SIZE[1:]), RED, 150)
    whole = Gaussians.concatenate([block(rng, (0, 0, 0), CAR_SIZE, BLUE, 500), front])
    return Gaussians(
        *(getattr(whole, name) for name in ("means", "quats", "scales", "opacities")), _padded(whole.sh)
    )


def _padded(sh):
    return np.pad(sh, ((0, 0), (0, 15), (0, 0)))


def car_places():
    """Of the car's center in the log, in the scene's frame, `[F, 3]`: it drives on the right, then is gone."""
    return along(14.0 + 0.5 * np.arange(FRAMES), -2.5, CAR_SIZE[2] / 2)


def car_to_scene(pose=None, frame=0):
    """Transform of the car at a logged frame, or at another planar pose near it."""
    tilt = se3.rpy_to_matrix(0.0, -PITCH, HEADING if pose is None else pose[2])
    place = car_places()[frame].copy()
    if pose is not None:
        place[:2] = pose[:2]
    return se3.rigid(tilt, place)


def street():
    """The scene: the ego drives along the street behind the car; a second track has no Gaussians anywhere."""
    states = np.zeros((FRAMES, 11))
    road = along(0.4 * np.arange(FRAMES))
    states[:, :2], states[:, 2] = road[:, :2], HEADING
    log = EgoLog(states, road[:, 2], np.zeros(FRAMES), np.full(FRAMES, -PITCH))
    poses = np.zeros((2, FRAMES, 3))
    poses[0, :, :2], poses[1, :, :2] = car_places()[:, :2], along(8.0, -6.0)[:2]
    poses[..., 2] = HEADING
    z = np.stack([car_places()[:, 2], np.full(FRAMES, along(8.0, -6.0, 0.7)[2])])
    valid = np.ones((2, FRAMES), bool)
    valid[0, -3:] = False
    tracks = Tracks(
        ("cafe", "bare"),
        np.zeros(2, np.uint8),
        poses,
        np.zeros((2, FRAMES, 2)),
        z,
        np.tile(CAR_SIZE, (2, 1)),
        valid,
    )
    lights = TrafficLights((), np.zeros((0, FRAMES), np.uint8))
    times = START_US + 100_000 * np.arange(FRAMES)
    return Scene(
        "street", "street-log", "test", ORIGIN, times, RoadMap("street", {}), log, tracks, lights, ()
    )


def asset_to_world(turn=0.0):
    """A frame of reconstruction whose origin lies elsewhere and whose axes are turned about z."""
    return se3.rigid(se3.rpy_to_matrix(0.0, 0.0, turn), ORIGIN + np.array([30.5, -20.25, 3.0]))


def in_frame(frame_to_world):
    """Background, and poses of the car as rotations `[F, 3, 3]` and places `[F, 3]`, in a frame."""
    scene_to_frame = se3.invert_rigid(frame_to_world) @ se3.rigid(np.eye(3), ORIGIN)
    placed = scene_to_frame @ np.stack([car_to_scene(frame=frame) for frame in range(FRAMES)])
    return background().transformed(scene_to_frame), placed[:, :3, :3], placed[:, :3, 3]


def street_asset(turn=0.0, **changes):
    """The asset as this package holds it."""
    return _asset(asset_to_world(turn), changes)


def wide_asset():
    """The same with a ground that reaches beyond what the cameras see below 5 degrees, in the scene's frame."""
    x, y = np.meshgrid(np.arange(-20, 60, 1.0), np.arange(-60, 60, 1.0))
    turn = se3.matrix_to_quat(se3.rpy_to_matrix(0.0, -PITCH, HEADING))
    ground = Gaussians.from_rgb(
        along(x.ravel(), y.ravel()), np.tile(turn, (x.size, 1)), np.tile([0.7, 0.7, 0.02], (x.size, 1)),
        np.full(x.size, 0.95), np.tile(GRAY, (x.size, 1)),
    )  # fmt: skip
    return _asset(se3.rigid(np.eye(3), ORIGIN), {"background": ground})


def _asset(frame_to_world, changes):
    gaussians, rotations, places = in_frame(frame_to_world)
    valid = street().tracks.valid[0]
    times = street().timestamps_us
    poses = NodePoses(se3.matrix_to_quat(rotations), places, valid, times)
    nodes = (NodeAsset("cafe", "rigid", car(), poses, CAR_SIZE),)
    values = {"background": gaussians, "asset_to_world": frame_to_world, "nodes": nodes}
    return SceneAsset(**(values | changes))


def raw(gaussians, prefix=""):
    """Tensors as trainers keep them."""
    with np.errstate(divide="ignore"):
        values = {
            "means": gaussians.means,
            "scales": np.log(gaussians.scales),
            "quats": gaussians.quats * 3.0,
            "features_dc": gaussians.sh[:, 0],
            "features_rest": gaussians.sh[:, 1:],
            "opacities": np.log(gaussians.opacities / (1 - gaussians.opacities))[:, None],
        }
    return {prefix + name: np.asarray(value, np.float32) for name, value in values.items()}


def _parked(places):
    """Places as MTGS keeps them: high up where the car is not."""
    places = places.astype(np.float32)
    places[~street().tracks.valid[0], 2] = 100_000.0
    return places


def write_mtgs(folder):
    """A checkpoint of MTGS; returns its path, the transform to the world and ids of tracks."""
    frame = asset_to_world()
    gaussians, rotations, places = in_frame(frame)
    models = {"background": raw(gaussians), "rigid_object_cafe": raw(car())}
    state = {
        f"_model.gaussian_models.{name}.gauss_params.{key}": value
        for name, tensors in models.items()
        for key, value in tensors.items()
    }
    node = "_model.gaussian_models.rigid_object_cafe."
    state[node + "instance_quats"] = se3.matrix_to_quat(rotations).astype(np.float32)
    state[node + "instance_trans"] = _parked(places)
    torch_zip.checkpoint(folder / "step-000030000.ckpt", {"step": 30000, "pipeline": state})
    return folder / "step-000030000.ckpt", frame, None


def write_worldengine(folder):
    """An asset of WorldEngine, which says itself where it lies."""
    frame = asset_to_world()
    gaussians, rotations, places = in_frame(frame)
    parts = {
        "background": ("VanillaGaussianSplattingModel", gaussians),
        "rigid_object_cafe": ("RigidSubModel", car()),
    }
    tree = {
        name: {"config": {"type": kind, "sh_degree": 3}, "state_dict": raw(value, "gauss_params.")}
        for name, (kind, value) in parts.items()
    }
    tree["background"]["config"]["recon2world_translation"] = tuple(frame[:3, 3].tolist())
    tree["rigid_object_cafe"]["config"]["log_timestamps"] = street().timestamps_us
    tree["rigid_object_cafe"]["state_dict"]["instance_quats"] = se3.matrix_to_quat(rotations).astype(
        np.float32
    )
    tree["rigid_object_cafe"]["state_dict"]["instance_trans"] = _parked(places)
    (folder / "background").mkdir()
    torch_zip.checkpoint(folder / "background" / "asset.ckpt", tree)
    return folder, None, None


CAMERA_AXES = np.array(
    [[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]]
)  # of x forward, z up: y down, z forward


def write_hugsim(folder):
    """A folder of HUGSIM: the world, and the car's own frame, with y down and z forward."""
    frame = asset_to_world(0.8)
    gaussians, rotations, places = in_frame(frame)
    turn = se3.rigid(CAMERA_AXES, np.zeros(3))
    boxes = se3.rigid(CAMERA_AXES @ rotations @ CAMERA_AXES.T, places @ CAMERA_AXES.T)
    valid = street().tracks.valid[0]
    frames = [
        {"timestamp": 0.1 * i, "dynamics": {"7": box.tolist()} if there else {}}
        for i, (box, there) in enumerate(zip(boxes, valid, strict=True))
    ]
    torch_zip.checkpoint(
        folder / "scene.pth", ((*_captured(gaussians.transformed(turn)), 1.5, {}, None), 30000)
    )
    torch_zip.checkpoint(folder / "dynamic_7.pth", ((*_captured(car().transformed(turn)), 1.0), 30000))
    (folder / "meta_data.json").write_text(json.dumps({"frames": frames, "verts": {}}))
    return folder, frame, {"7": "cafe"}


def _captured(gaussians):
    """HUGSIM's tuple of a model."""
    r = raw(gaussians)
    scores = np.zeros((len(gaussians), 20), np.float32)
    return (
        3, r["means"], r["features_dc"][:, None], r["features_rest"], scores, r["scales"], r["quats"], r["opacities"]
    )  # fmt: skip


def write_drivestudio(folder, sky=None):
    """A checkpoint of drivestudio in a turned frame."""
    frame = asset_to_world(-1.1)
    gaussians, rotations, places = in_frame(frame)
    count = len(car())
    models = {"Background": raw(gaussians, "_"), "RigidNodes": raw(car(), "_")}
    models["RigidNodes"] |= {
        "points_ids": np.zeros((count, 1), np.int64),
        "instances_fv": street().tracks.valid[0][:, None],
        "instances_size": CAR_SIZE[None].astype(np.float32),
        "instances_quats": se3.matrix_to_quat(rotations)[:, None].astype(np.float32),
        "instances_trans": places[:, None].astype(np.float32),
    }
    if sky is not None:
        models["Sky"] = {"base": sky}
    torch_zip.checkpoint(folder / "checkpoint_final.pth", {"step": 1, "models": models})
    return folder / "checkpoint_final.pth", frame, {"RigidNodes_0": "cafe"}


WRITERS = {
    "mtgs": write_mtgs,
    "worldengine": write_worldengine,
    "hugsim": write_hugsim,
    "drivestudio": write_drivestudio,
}
