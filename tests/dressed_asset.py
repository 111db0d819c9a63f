"""A dressed street as a trained asset would have it: Gaussians, a cube map, nodes that do not change."""

import zlib
from dataclasses import replace

import numpy as np

from simscale_gym.dressing.dress import dress_static
from simscale_gym.dressing.nodes.node import NodeModel, shaded_rgb
from simscale_gym.geometry import se3
from simscale_gym.splats.assets.node_asset import NodeAsset, NodePoses
from simscale_gym.splats.assets.scene_asset import Provenance, SceneAsset
from simscale_gym.splats.spherical_harmonics import SH_C0

TURN = 0.7  # of the asset's frame against the world's [rad]
SHIFT = np.array([12.5, -8.25, 1.5])


def dressed_asset(scene, frame, *, detail=0.75, cube=128):
    """The asset of a scene's look at ``frame``, in a frame of its own, turned and shifted.

    Args:
        scene: With shapes.
        frame: Nodes are lit for their headings there.
        detail: Of the street.
        cube: Edge of a face of the sky [texel].
    """
    look = dress_static(scene, scene.shapes, detail=detail)
    to_world = se3.rigid(se3.rpy_to_matrix(0.0, 0.0, TURN), scene.origin + SHIFT)
    scene_to_asset = se3.invert_rigid(to_world) @ se3.rigid(np.eye(3), scene.origin)
    nodes = [_node(scene, row, frame, look, scene_to_asset) for row in _near(scene, frame)]
    rotation = scene_to_asset[:3, :3]
    sky = look.sky.radiance(_face_directions(cube) @ rotation)  # asset's directions, seen from the scene
    return SceneAsset(
        look.gaussians.transformed(scene_to_asset), to_world, tuple(nodes), cube_map=sky, antialiased=True,
        provenance=Provenance("town"),
    )  # fmt: skip


def _near(scene, frame):
    eye = scene.ego.poses[frame, :2]
    distance = np.hypot(*(scene.tracks.poses[:, frame, :2] - eye).T)
    return np.flatnonzero(scene.tracks.valid[:, frame] & (distance < 60.0))


def _node(scene, row, frame, look, scene_to_asset):
    tracks = scene.tracks
    model = NodeModel.of(int(tracks.types[row]), tracks.sizes[row], zlib.crc32(tracks.ids[row].encode()))
    plain = model.level(1).gaussians
    pose = tracks.poses[row, frame]
    rgb = shaded_rgb(model, 1, pose[2], float(look.sun_at(np.append(pose[:2], 0.7))[0]), look.light)
    sh = ((rgb - 0.5) / SH_C0).astype(np.float32)[:, None]
    ground = tracks.z[row] - tracks.sizes[row, 2] / 2
    placed = scene_to_asset @ se3.planar_to_rigid(tracks.poses[row], ground)
    quats = se3.matrix_to_quat(placed[:, :3, :3])
    poses = NodePoses(quats, placed[:, :3, 3], tracks.valid[row], scene.timestamps_us)
    return NodeAsset(tracks.ids[row], "rigid", replace(plain, sh=sh), poses, tracks.sizes[row])


def _face_directions(size):
    """Directions of the asset's frame (z up) to the texels of a cube map in OpenGL's order, ``[6, R, R, 3]``."""
    axis = (np.arange(size) + 0.5) / size * 2 - 1
    t, s = np.meshgrid(axis, axis, indexing="ij")
    one = np.ones_like(s)
    faces = [(one, -t, -s), (-one, -t, s), (s, one, t), (s, -one, -t), (s, -t, one), (-s, -t, -one)]
    x, y, z = np.moveaxis(np.stack([np.stack(face, -1) for face in faces]), -1, 0)
    return np.stack([x, -z, y], -1)  # looked up as (x, z, -y)
