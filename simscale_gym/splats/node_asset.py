"""What a reconstructed scene is made of: sets of Gaussians in frames of their own, and where those are over time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

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

    def __len__(self) -> int:
        return len(self.valid)


@dataclass(frozen=True, eq=False)
class NodeAsset:
    """One node of a scene.

    Attributes:
        name: Its name in the file, unique there.
        kind: What it is. A mirrored node has been expanded to both halves; a deformable one stands in its rest
            pose, and the network that bends it is among `parameters`.
        gaussians: Its Gaussians in its own frame; None for a sky that is a cube map.
        poses: Where it is; None for nodes that are given in the frame of the reconstruction.
        size: Length, width, height of its box [m], `[3]`, where the file knows it.
        recon_to_world: Translation from the frame of the reconstruction to the world's, `[3]` [m] (background).
        exposure: Colour of every training image, `[C, 3, 4]`: rgb of the image = A[:, :3] @ rgb + A[:, 3]
            (background). Views that were not trained on are best left as rendered.
        cube_map: Sky by direction, `[6, R, R, 3]`, faces +x, -x, +y, -y, +z, -z of OpenGL (sky). Direction
            (x, y, z) of the world, z up, is looked up as (x, z, -y).
        semantics: Class scores of each Gaussian, `[N, S]`.
        parameters: Other learned arrays by their name in the file.
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

    @property
    def sh_degree(self) -> int:
        """Degree of the view-dependent colours; 0 without Gaussians."""
        return 0 if self.gaussians is None else int(np.sqrt(self.gaussians.sh.shape[1])) - 1
