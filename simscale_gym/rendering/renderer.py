"""The contract of everything that draws a scene: moments in, a frame out, nothing kept between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from simscale_gym.one_line import one_line
from simscale_gym.scene import Moment, Scene
from simscale_gym.splats.render_validity import RenderJudge, RenderQuality, ViewedFrame

if TYPE_CHECKING:
    import torch

    from simscale_gym.splats.depth_sweep import LidarConfig, Sweep
    from simscale_gym.splats.gaussians import Gaussians
    from simscale_gym.splats.rasterize import Raster

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Frame:
    """Pictures of M moments through C cameras, and all that is known of them.

    Attributes:
        cameras: Names of the C cameras.
        images: uint8 `[M, C, H, W, 3]`.
        alpha: Opacity, `[M, C, H, W]` float32; a tensor where a device drew it.
        depth: Depth along the optical axes, `[M, C, H, W]` float32 [m], valid where alpha is not 0; a tensor likewise.
        viewmats: Transforms from the world to the cameras, `[M, C, 4, 4]`.
        Ks: Intrinsics, `[C, 3, 3]` [px].
        ego_to_world: Poses of the ego, `[M, 4, 4]`, rigid.
        splats: Number of Gaussians that reached the pictures, all together.
        judge: Function that gives the scene's judge of pictures, which is made when first asked for.
    """

    cameras: tuple[str, ...]
    images: NDArray[np.uint8]
    alpha: NDArray[np.float32] | torch.Tensor
    depth: NDArray[np.float32] | torch.Tensor
    viewmats: Array
    Ks: Array
    ego_to_world: Array
    splats: int
    judge: Callable[[], RenderJudge]

    __repr__ = one_line

    def __len__(self) -> int:
        return len(self.images)

    @classmethod
    def joined(cls, frames: Sequence[Frame]) -> Frame:
        """One frame of the moments of several, through the same cameras; their images are arrays."""
        first, names = frames[0], ("images", "alpha", "depth", "viewmats", "ego_to_world")
        stacked = {name: np.concatenate([getattr(frame, name) for frame in frames]) for name in names}
        return replace(first, **stacked, splats=sum(frame.splats for frame in frames))

    def viewed(self, moment: int) -> ViewedFrame:
        """What is known of the pictures of one moment beside their colours."""
        return ViewedFrame(self.viewmats[moment], self.Ks, self.alpha[moment], self.depth[moment])

    @cached_property
    def qualities(self) -> tuple[RenderQuality, ...]:
        """Scores of how far the pictures of each moment can be trusted, `[M]`."""
        judge = self.judge()
        return tuple(
            judge.judge(self.viewed(moment), self.ego_to_world[moment], self.cameras)
            for moment in range(len(self))
        )


class Renderer(Protocol):
    """Draws moments of one scene. A moment looks the same whatever is drawn before it, beside it, or meanwhile."""

    @property
    def scene(self) -> Scene:
        """The scene."""

    def render(self, moments: Sequence[Moment], cameras: Sequence[str], size: tuple[int, int]) -> Frame:
        """Draws pictures of moments through cameras of the ego.

        Args:
            moments: Moments of the scene, M of them.
            cameras: Names of the C cameras.
            size: Height, width [px].

        Raises:
            ArgumentError: The scene's rig has no such camera, a moment is not one of this scene, or a size is none.
        """

    def rasterize(
        self, moments: Sequence[Moment], viewmats: Array, Ks: Array, size: tuple[int, int]
    ) -> Raster:
        """Draws moments through any cameras, without sky and air, on black.

        Args:
            moments: Moments of the scene, M of them.
            viewmats: Transforms from the world to the cameras, `[M, C, 4, 4]`.
            Ks: Intrinsics, `[M, C, 3, 3]` [px].
            size: Height, width [px].

        Returns:
            M * C images: those of the first moment, then the second.

        Raises:
            ArgumentError: A moment is not one of this scene, or the cameras are not M times C.
        """

    def sweep(self, moment: Moment, config: LidarConfig) -> Sweep:
        """Casts a LiDAR's rays around the ego, without noise.

        Raises:
            ArgumentError: The moment is not one of this scene, or the renderer draws on a device.
        """

    def still(self, places: Array, most: int) -> Gaussians:
        """What stands still, but the sky, for other viewers: Gaussians in the scene's frame.

        Args:
            places: Places that it is looked at from, `[K, 3]` [m]; far from them neighbours are merged.
            most: Number of Gaussians at most.
        """
