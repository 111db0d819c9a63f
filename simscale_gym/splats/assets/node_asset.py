"""What a reconstructed scene is made of: sets of Gaussians in frames of their own, and where those are over time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from simscale_gym.geometry import se3
from simscale_gym.one_line import one_line
from simscale_gym.splats.gaussians import Gaussians

NodeKind = Literal["background", "sky", "rigid", "mirrored", "deformable"]


@dataclass(frozen=True, eq=False)
class NodePoses:
    """Poses of a node in the frame of the reconstruction.

    Attributes:
        quats: Rotations wxyz of unit length, `[F, 4]` float64; identity where not valid.
        translations: Positions of the node's origin, `[F, 3]` float64 [m]; zero where not valid.
        valid: Whether the node was there, `[F]`.
        timestamps_us: When, `[F]` int64 [us]; None where the file counts frames and leaves times to the recording.
        is_static: One pose for all times (F = 1).
    """

    quats: np.ndarray
    translations: np.ndarray
    valid: np.ndarray
    timestamps_us: np.ndarray | None = None
    is_static: bool = False

    __repr__ = one_line

    def __len__(self) -> int:
        return len(self.valid)


@dataclass(frozen=True, eq=False)
class NodeShapes:
    """Shapes of a node in its own frame at some of its poses: how a person walks.

    Attributes:
        frames: The pose that each shape belongs to, rising, `[K]` int64, K at least 1.
        means: Centres, `[K, N, 3]` float32, or float16 as folders keep them [m].
        quats: Rotations wxyz of unit length, `[K, N, 4]`, likewise.
        scales: Standard deviations, `[K, N, 3]`, likewise [m]; None where they stay as they are.
    """

    frames: np.ndarray
    means: np.ndarray
    quats: np.ndarray
    scales: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.frames)

    def nearest(self, frames: np.ndarray) -> np.ndarray:
        """The shape whose pose is nearest to each of some poses `[F]`, `[F]`."""
        return np.abs(np.asarray(frames)[:, None] - self.frames).argmin(1)

    def shaped(self, gaussians: Gaussians, number: int) -> Gaussians:
        """The node's Gaussians in shape `number`."""
        scales = (
            gaussians.scales if self.scales is None else self.scales[number].astype(np.float32, copy=False)
        )
        means, quats = (value[number].astype(np.float32, copy=False) for value in (self.means, self.quats))
        if self.quats.dtype == np.float16:
            quats = quats / np.linalg.norm(quats, axis=1, keepdims=True)
        return replace(gaussians, means=means, quats=quats, scales=scales)

    def rotated(self, rotation: np.ndarray) -> NodeShapes:
        """The shapes in a frame that `rotation` `[3, 3]` leads to."""
        quats = se3.quat_multiply(se3.matrix_to_quat(rotation), self.quats.astype(np.float64))
        means = self.means.astype(np.float64) @ np.asarray(rotation, np.float64).T
        return replace(self, means=means.astype(np.float32), quats=quats.astype(np.float32))


@dataclass(frozen=True, eq=False)
class NodeAsset:
    """One node of a scene.

    Attributes:
        name: Name of the node in the file, unique there.
        kind: What it is. A mirrored node has been expanded to both halves.
        gaussians: The node's Gaussians in its own frame, a deformable one's at rest; None for a sky that is a cube map.
        poses: Places of the node over time; None for nodes that are given in the frame of the reconstruction.
        size: Length, width, height of its box [m], `[3]`, where the file knows it.
        recon_to_world: Rigid transform from the frame of the reconstruction to the world's, `[4, 4]` (background).
        exposure: Colour of every training image, `[C, 3, 4]`: rgb of the image = A[:, :3] @ rgb + A[:, 3]
            (background). Views that were not trained on are best left as rendered.
        cube_map: Sky by direction, `[6, R, R, 3]`, faces +x, -x, +y, -y, +z, -z of OpenGL (sky). Direction
            (x, y, z) of the world, z up, is looked up as (x, z, -y).
        semantics: Class scores of each Gaussian, `[N, S]`.
        parameters: Other learned arrays by their name in the file.
        shapes: What becomes of its Gaussians over its poses; None where they keep their places.
        fixed_colors: View-dependent colours are given by directions of the reconstruction's frame, beneath which the
            node turns, as trainers have it; else by directions of the node's own frame.
    """

    name: str
    kind: NodeKind
    gaussians: Gaussians | None
    poses: NodePoses | None = None
    size: np.ndarray | None = None
    recon_to_world: np.ndarray | None = None
    exposure: np.ndarray | None = None
    cube_map: np.ndarray | None = None
    semantics: np.ndarray | None = None
    parameters: dict[str, np.ndarray] = field(default_factory=dict)
    shapes: NodeShapes | None = None
    fixed_colors: bool = False

    __repr__ = one_line

    @property
    def sh_degree(self) -> int:
        """Degree of the view-dependent colours; 0 without Gaussians."""
        return 0 if self.gaussians is None else int(np.sqrt(self.gaussians.sh.shape[1])) - 1
