"""What draws a scene: its trained asset, with stand-ins for road users that were not trained, or its dressing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from simscale_gym.scene import Scene

if TYPE_CHECKING:
    from simscale_gym.rendering.renderer import Renderer


def make_renderer(
    scene: Scene,
    *,
    cache: Path | None = None,
    backend: str = "cpu",
    levels: int = 1,
    threads: int | None = None,
) -> Renderer:
    """A renderer of the scene's asset, or of the scene dressed where it has none.

    Args:
        scene: The scene.
        cache: Folder in which dressed looks are kept; none if None.
        backend: "cpu", "gsplat" or "auto".
        levels: Number of levels of detail in which the CPU draws an asset, 1 to 6; a dressed scene has all.
        threads: Number of threads of the CPU's rasteriser; None for one per core.

    Raises:
        ArgumentError: The asset does not lie where the scene was recorded.
        DataError: The asset cannot be read.
    """
    if scene.asset is None:
        from simscale_gym.rendering.dressed import SceneRenderer

        return SceneRenderer(scene, threads=threads, cache=cache, backend=backend)
    from simscale_gym.dressing.nodes.stand_ins import stand_ins
    from simscale_gym.rendering.trained import AssetRenderer
    from simscale_gym.splats.assets.asset_folder import open_asset
    from simscale_gym.splats.assets.log_distance import check_on_log

    asset = open_asset(scene.asset)
    check_on_log(asset, scene)
    others = stand_ins(scene, {node.name for node in asset.nodes}, cache=cache)
    return AssetRenderer(scene, asset, stand_ins=others, threads=threads, backend=backend, levels=levels)
