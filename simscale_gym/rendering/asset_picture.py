"""A picture to judge an asset by: what the cameras see, over a view from above with the route."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from simscale_gym.files.atomic_write import atomic_write
from simscale_gym.geometry import box
from simscale_gym.rendering.trained import AssetRenderer
from simscale_gym.scene import Moment, Scene
from simscale_gym.splats.assets.track_matching import asset_to_scene
from simscale_gym.splats.spherical_harmonics import SH_C0

_SIZE = (216, 384)  # of a camera's picture: height, width
_MARGIN = 35.0  # [m] around the path, seen from above
_CUT = 3.5  # [m] above the road: what is higher is left out of the view from above
_BAR = 20.0  # [m]
_ROUTE, _WITH_NODE, _WITHOUT, _EGO = (255, 214, 0), (0, 220, 255), (255, 70, 70), (255, 255, 255)


def draw_check_picture(path: Path, renderer: AssetRenderer, cameras: tuple[str, ...]) -> None:
    """Writes a PNG: the cameras at the middle of the log, and the asset from above.

    Args:
        path: The PNG.
        renderer: Draws the scene and its asset.
        cameras: Names, in the order in which they are shown.
    """
    scene = renderer.scene
    frame = scene.num_frames // 2
    views = renderer.render([Moment.of_log(scene, frame)], cameras, _SIZE).images[0]
    strip = np.concatenate(list(views), axis=1)
    above = _from_above(renderer, scene, frame, strip.shape[1])
    picture = Image.new("RGB", (strip.shape[1], strip.shape[0] + above.height + 20), (22, 25, 28))
    picture.paste(Image.fromarray(strip), (0, 0))
    picture.paste(above, (0, strip.shape[0] + 20))
    draw = ImageDraw.Draw(picture)
    legend = (
        ("route", _ROUTE),
        ("ego", _EGO),
        ("track with a node", _WITH_NODE),
        ("track without", _WITHOUT),
    )
    draw.text(
        (8, strip.shape[0] + 4), "  ".join(cameras) + f", {0.1 * frame:.1f} s into the clip", (236, 238, 240)
    )
    left = strip.shape[1] - 420
    for name, color in legend:
        draw.text((left, strip.shape[0] + 4), name, color)
        left += 16 + int(draw.textlength(name))
    with atomic_write(path) as built:
        picture.save(built)


def _from_above(renderer: AssetRenderer, scene: Scene, frame: int, width: int) -> Image.Image:
    """Means of the background as dots, the highest on top, up to a few metres above the road."""
    route = scene.ego.poses[:, :2]
    low, high = route.min(0) - _MARGIN, route.max(0) + _MARGIN
    scale = width / (high[0] - low[0])
    height = int(min((high[1] - low[1]) * scale, 1.2 * width))
    scale = min(scale, height / (high[1] - low[1]))
    middle = (low + high) / 2

    def pixels(points: np.ndarray) -> np.ndarray:
        return (points - middle) * [scale, -scale] + [width / 2, height / 2]

    dots = _dots(renderer, scene, pixels, (height, width), scale)
    image = Image.fromarray(dots)
    draw = ImageDraw.Draw(image)
    draw.line([tuple(point) for point in pixels(route)], fill=_ROUTE, width=2)
    missing = set(renderer.missing_tracks)
    corners = pixels(box.corners(scene.tracks.boxes(frame)))
    for name, there, ring in zip(scene.tracks.ids, scene.tracks.valid[:, frame], corners, strict=True):
        if there:
            draw.polygon(
                [tuple(point) for point in ring], outline=_WITHOUT if name in missing else _WITH_NODE
            )
    x, y = pixels(scene.ego.poses[frame, :2])
    draw.ellipse((x - 5, y - 5, x + 5, y + 5), outline=_EGO, width=2)
    draw.line((16, height - 16, 16 + _BAR * scale, height - 16), fill=_EGO, width=3)
    draw.text((16, height - 34), f"{_BAR:g} m, north is up", _EGO)
    return image


def _dots(
    renderer: AssetRenderer,
    scene: Scene,
    pixels: Callable[[np.ndarray], np.ndarray],
    size: tuple[int, int],
    scale: float,
) -> np.ndarray:
    background = renderer.asset.background
    to_scene = asset_to_scene(renderer.asset, scene)
    means = background.means.astype(np.float64) @ to_scene[:3, :3].T + to_scene[:3, 3]
    shown = (means[:, 2] < np.median(scene.ego.z) + _CUT) & (background.opacities > 0.3)
    means, rgb = means[shown], np.clip(background.sh[shown, 0] * SH_C0 + 0.5, 0, 1)
    order = np.argsort(means[:, 2], kind="stable")
    columns, rows = np.floor(pixels(means[order, :2])).astype(int).T
    out = np.full((*size, 3), 12, np.uint8)
    reach = range(-1, 2) if scale > 4 else range(1)  # a dot is about 0.2 m wide
    for dy in reach:
        for dx in reach:
            y, x = rows + dy, columns + dx
            inside = (x >= 0) & (x < size[1]) & (y >= 0) & (y < size[0])
            out[y[inside], x[inside]] = (rgb[order][inside] * 255).astype(np.uint8)
    return out
