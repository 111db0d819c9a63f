"""Whether an asset can be right: its values, its axes and scale, and how it lies on the log of a scene."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from simscale_gym.geometry import se3
from simscale_gym.rendering.trained import AssetRenderer
from simscale_gym.scene import Moment, Scene
from simscale_gym.splats.assets.scene_asset import SceneAsset
from simscale_gym.splats.assets.track_matching import asset_to_scene, track_offsets
from simscale_gym.splats.gaussians import Gaussians
from simscale_gym.splats.spherical_harmonics import SH_C0


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: Name of what was looked at.
        passed: Whether it is as expected.
        found: What was found.
        expected: What was expected.
    """

    name: str
    passed: bool
    found: str
    expected: str


@dataclass(frozen=True)
class CheckLimits:
    """What still counts as right; chosen by hand, wide enough for any trainer of street scenes.

    Attributes:
        faint: Largest share of background Gaussians that can never be seen (opacity below 1/255).
        giant: A scale beyond this is a giant [m] ...
        giants: ... of which there may be this share.
        needle: The longest scale is this many times the second, and above 1 m, ...
        needles: ... for at most this share.
        off_colors: Largest share of base colours outside -0.5..1.5.
        height: Greatest distance between the road of the asset and the log's [m].
        reach: The path is covered where Gaussians of the road are this near [m] ...
        covered: ... for at least this share of its length.
        above: Least share of what is near the path that is above the road.
        pixels: Least share of the pixels below the horizon that show something.
        sizes: Least and greatest length and width of a node, as multiples of its track's box ...
        sized: ... for at least this share of nodes.
        apart: Greatest distance between nodes and their tracks, at the median [m].
        turned: Greatest difference of their headings, at the median [rad].
    """

    faint: float = 0.5
    giant: float = 20.0
    giants: float = 0.01
    needle: float = 30.0
    needles: float = 0.01
    off_colors: float = 0.05
    height: float = 0.5
    reach: float = 2.0
    covered: float = 0.9
    above: float = 0.8
    pixels: float = 0.95
    sizes: tuple[float, float] = (0.5, 1.4)
    sized: float = 0.8
    apart: float = 0.5
    turned: float = np.radians(10.0)


_STEP = 2.0  # [m] between the points of the path that are looked at
_LEVEL = 3.0  # [m] above and below the log's road within which the asset's is looked for
_BESIDE = 20.0  # [m] from the path
_BIN = 0.1  # [m]
_FEWEST = 20  # Gaussians that make a shape


def value_checks(asset: SceneAsset, limits: CheckLimits | None = None) -> list[Check]:
    """Sanity of the numbers, without a scene."""
    limits = limits or CheckLimits()
    parts = [asset.background, *(node.gaussians for node in asset.nodes if node.gaussians is not None)]
    scales = np.sort(np.concatenate([part.scales for part in parts]), axis=1)
    opacities = np.concatenate([part.opacities for part in parts])
    rgb = np.concatenate([part.sh[:, 0] for part in parts]) * SH_C0 + 0.5
    needles = (scales[:, 2] > limits.needle * np.maximum(scales[:, 1], 1e-9)) & (scales[:, 2] > 1.0)
    off = ((rgb < -0.5) | (rgb > 1.5)).any(1)
    spread = _spread(asset.background, asset.asset_to_world[:3, :3])
    return [
        _share("opacities: never seen", opacities < 1 / 255, limits.faint),
        _share(f"scales: giants beyond {limits.giant:g} m", scales[:, 2] > limits.giant, limits.giants),
        _share("scales: needles", needles, limits.needles),
        _share("colors far outside 0..1", off, limits.off_colors),
        Check(
            "axes: wider than high",
            bool(spread[2] < 0.5 * spread[:2].max()),
            "{:.1f} x {:.1f} x {:.1f} m".format(*spread),
            "z less than half of x or y",
        ),
    ]


def scene_checks(asset: SceneAsset, scene: Scene, limits: CheckLimits | None = None) -> list[Check]:
    """Checks of how the asset lies on the log: road, route, nodes."""
    limits = limits or CheckLimits()
    to_scene = asset_to_scene(asset, scene)
    path = _path(scene)
    means, opacities = _near_path(asset.background, to_scene, path)
    found = (
        cKDTree(means[:, :2]).query_ball_point(path[:, :2], limits.reach) if len(means) else [[]] * len(path)
    )
    heights = [
        _road_height(means[rows, 2] - at[2], opacities[rows]) for rows, at in zip(found, path, strict=True)
    ]
    roads = np.array([height for height in heights if height is not None])
    road = float(np.median(roads)) if len(roads) else np.inf
    covered = np.mean([height is not None and abs(height) <= limits.height for height in heights])
    above = _share_above(means, path)
    return [
        Check(
            "road under the ego's path",
            abs(road) <= limits.height,
            f"{road:+.2f} m at the median" if len(roads) else "no Gaussians near the path",
            f"within {limits.height:g} m of the log's",
        ),
        Check(
            "up: above the road", bool(above >= limits.above), f"{above:.1%}", f"at least {limits.above:.0%}"
        ),
        Check(
            f"route covered within {limits.reach:g} m",
            bool(covered >= limits.covered),
            f"{covered:.1%} of {len(path) * _STEP:.0f} m",
            f"at least {limits.covered:.0%}",
        ),
        *_node_checks(asset, scene, to_scene, limits),
    ]


def pixel_check(
    renderer: AssetRenderer, cameras: tuple[str, ...], limits: CheckLimits | None = None
) -> Check:
    """Check of how much of what lies below the horizon is covered, seen from four places of the log."""
    limits, scene = limits or CheckLimits(), renderer.scene
    size, shares = (72, 128), []
    for frame in np.linspace(0, scene.num_frames - 1, 4).astype(int):
        drawn = renderer.render([Moment.of_log(scene, int(frame))], cameras, size)
        placed = se3.invert_rigid(drawn.viewmats[0])
        shares.append((drawn.alpha[0] > 0.5)[_below_horizon(placed, drawn.Ks, size)].mean())
    share = float(np.mean(shares))
    expected = f"at least {limits.pixels:.0%}"
    return Check("pixels below the horizon covered", share >= limits.pixels, f"{share:.1%}", expected)


def _node_checks(asset: SceneAsset, scene: Scene, to_scene: np.ndarray, limits: CheckLimits) -> list[Check]:
    rows = {name: row for row, name in enumerate(scene.tracks.ids)}
    pairs = [(node, rows[node.name]) for node in asset.nodes if node.name in rows]
    if not asset.nodes:
        return []
    tracked = Check(
        "nodes with a track in the scene", bool(pairs), f"{len(pairs)} of {len(asset.nodes)}", "at least one"
    )
    if not pairs:
        return [tracked]
    shaped = [
        (node, row) for node, row in pairs if node.gaussians is not None and len(node.gaussians) >= _FEWEST
    ]
    ratios = np.array(
        [_extent(node.gaussians) / scene.tracks.sizes[row, :2] for node, row in shaped]
    ).reshape(-1, 2)
    fits = ((ratios > limits.sizes[0]) & (ratios < limits.sizes[1])).all(1)
    share = float(fits.mean()) if len(fits) else 1.0
    offsets = [track_offsets(node, scene, row, to_scene) for node, row in pairs]
    apart, turned = (np.concatenate(values) for values in zip(*offsets, strict=True))
    known = len(apart) > 0
    apart, turned = (float(np.median(values)) if known else 0.0 for values in (apart, turned))
    offset = f"{apart:.2f} m, {np.degrees(turned):.1f} degrees at the median"
    low, high = limits.sizes
    return [
        tracked,
        Check(
            "nodes as large as their boxes",
            share >= limits.sized,
            f"{share:.0%} of {len(fits)}, {np.median(ratios) if len(ratios) else 1:.2f} times at the median",
            f"{limits.sized:.0%} within {low:g} to {high:g} times",
        ),
        Check(
            "nodes where their tracks are",
            apart <= limits.apart and turned <= limits.turned,
            offset if known else "never there at the same time",
            f"within {limits.apart:g} m and {np.degrees(limits.turned):.0f} degrees",
        ),
    ]


def _share(name: str, bad: np.ndarray, most: float) -> Check:
    share = float(bad.mean()) if len(bad) else 0.0
    return Check(name, share <= most, f"{share:.2%}", f"at most {most:.1%}")


def _spread(background: Gaussians, turn: np.ndarray) -> np.ndarray:
    """Extent `[3]` [m] from 5th to 95th percentile along the world's axes, of what is within 100 m of the middle."""
    if not len(background):
        return np.zeros(3)
    means = background.means.astype(np.float64) @ np.asarray(turn, np.float64).T
    near = np.abs(means - np.median(means, axis=0)).max(1) < 100.0
    return np.ptp(np.percentile(means[near], [5.0, 95.0], axis=0), axis=0) if near.any() else np.zeros(3)


def _extent(gaussians: Gaussians) -> np.ndarray:
    """Length and width of a node, `[2]` [m]."""
    visible = gaussians.means[gaussians.opacities > 0.1]
    visible = visible if len(visible) else gaussians.means
    return np.ptp(np.percentile(visible[:, :2], [2.0, 98.0], axis=0), axis=0)


def _path(scene: Scene) -> np.ndarray:
    """Points of the logged path at even distances, on the ground, `[P, 3]`."""
    places = np.column_stack([scene.ego.poses[:, :2], scene.ego.z])
    lengths = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(places[:, :2], axis=0).T))])
    at = np.arange(0.0, lengths[-1] + 1e-6, _STEP)
    return np.column_stack([np.interp(at, lengths, places[:, axis]) for axis in range(3)])


def _near_path(
    background: Gaussians, to_scene: np.ndarray, path: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Means `[M, 3]` in the scene's frame of what is near the path, and its opacities `[M]`."""
    means = background.means.astype(np.float64) @ to_scene[:3, :3].T + to_scene[:3, 3]
    low, high = path.min(0) - _BESIDE, path.max(0) + _BESIDE
    inside = ((means[:, :2] > low[:2]) & (means[:, :2] < high[:2])).all(1) & (background.opacities > 0.1)
    return means[inside], background.opacities[inside].astype(np.float64)


def _road_height(heights: np.ndarray, weights: np.ndarray) -> float | None:
    """The height [m] at which there are most Gaussians, within `_LEVEL`; None where there are none."""
    near = np.abs(heights) < _LEVEL
    if not near.any() or not weights[near].any():
        return None
    edges = np.arange(-_LEVEL, _LEVEL + _BIN / 2, _BIN)
    counts = np.histogram(heights[near], edges, weights=weights[near])[0]
    smooth = np.convolve(counts, [0.5, 1.0, 0.5], mode="same")
    return float(edges[int(np.argmax(smooth))] + _BIN / 2)


def _share_above(means: np.ndarray, path: np.ndarray) -> float:
    """Share of what stands within 20 m of the path that is above the road or on it."""
    if not len(means):
        return 0.0
    distance, nearest = cKDTree(path[:, :2]).query(means[:, :2])
    beside = distance < _BESIDE
    return float((means[beside, 2] > path[nearest[beside], 2] - 1.0).mean()) if beside.any() else 0.0


def _below_horizon(cam_to_scene: np.ndarray, Ks: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Pixels `[C, H, W]` whose rays go down by 5 degrees or more: level ground is there within 20 m."""
    v, u = np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5, indexing="ij")
    pixels = np.stack([u, v, np.ones_like(u)], -1)
    rays = np.einsum("cij,hwj->chwi", cam_to_scene[:, :3, :3] @ np.linalg.inv(Ks), pixels)
    return rays[..., 2] / np.linalg.norm(rays, axis=-1) < -np.sin(np.radians(5.0))
