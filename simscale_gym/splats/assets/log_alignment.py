"""How a trained scene lies in the world, found by laying the paths of its nodes on the tracks of its log.

Checkpoints of drivestudio, and those of MTGS and HUGSIM without their side files, say neither where their frame lies
nor when their frames were. Distances that a vehicle covers in a second are the same in every frame: they tell which
offset of time can be right and which node which track may be; a turn about the vertical and a shift then follow from
the paths of one pair, and are kept if the other nodes fall on tracks too.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from scipy.optimize import minimize_scalar

from simscale_gym.errors import ArgumentError
from simscale_gym.geometry import se3
from simscale_gym.scene import Scene
from simscale_gym.splats.assets.node_asset import NodeAsset
from simscale_gym.splats.assets.scene_asset import SceneAsset

INTERVALS = (0.1, 0.05, 0.5)
"""Time between frames that have no times: 10 Hz of drivestudio, 20 Hz of nuPlan's lidar, 2 Hz of key frames [s]."""

NEAR = 1.0
"""A node lies on a track that is nearer than this on average [m]."""

FEWEST = 3
"""Fewest nodes that must lie on tracks: fewer may do so by chance."""

_MOVED = 5.0  # [m], the way that a node must go to tell anything
_SAMPLES = 8  # fewest times at which node and track are both there
_ALIKE = 0.15  # [m], by which distances covered in a second may differ
_LONGEST = 600.0  # [s], every tenth of which is tried
_MOST_NODES, _OFFSETS, _PAIRS = 16, 8, 12


@dataclass(frozen=True, eq=False)
class LogAlignment:
    """Pose of an asset in the world of a log.

    Attributes:
        asset_to_world: Rigid transform, upright, `[4, 4]`.
        start_us: Time of frame 0, or time 0, of the asset [us].
        interval_us: Time between the asset's frames [us]; 0 where the asset has times of its own.
        tracks: Id of the track that each node lies on, by the node's name.
        residual: Root mean square distance of nodes from their tracks [m].
    """

    asset_to_world: np.ndarray
    start_us: int
    interval_us: int
    tracks: dict[str, str]
    residual: float


@dataclass(frozen=True, eq=False)
class _Path:
    name: str
    times: np.ndarray  # [n] s
    places: np.ndarray  # [n, 3] m


def align_to_log(asset: SceneAsset, scene: Scene) -> LogAlignment:
    """Finds how `asset` lies in the world of `scene`, whatever frame and clock it has now.

    Raises:
        ArgumentError: Fewer than `FEWEST` of its nodes move, or fall on tracks; or they move for more than ten minutes.
    """
    known = any(node.poses is not None and node.poses.timestamps_us is not None for node in asset.nodes)
    found, interval, moving = _Found(), 0.0, 0
    for candidate in (0.0,) if known else INTERVALS:
        paths = [path for node in asset.nodes for path in _path(node, candidate)]
        moving = max(moving, len(paths))
        made = _aligned(paths, scene) if len(paths) >= FEWEST else _Found()
        if made.better(found):
            found, interval = made, candidate
    if len(found.rows) < FEWEST:
        raise ArgumentError(
            f"asset: {len(found.rows)} of its {moving} moving nodes fall on tracks of {scene.id} at once, expected at "
            f"least {FEWEST}; give the transform of its frame instead."
        )
    return LogAlignment(
        se3.rigid(found.turn, found.shift + scene.origin),
        int(scene.timestamps_us[0]) + round(found.offset * 1e6),
        round(interval * 1e6),
        {name: scene.tracks.ids[row] for name, row in found.rows.items()},
        found.distance,
    )


def aligned(asset: SceneAsset, found: LogAlignment) -> SceneAsset:
    """The asset in the world and with times of the log; its nodes keep their names."""

    def timed(node: NodeAsset) -> NodeAsset:
        poses = node.poses
        if poses is None or poses.is_static:
            return node
        frames = np.arange(len(poses), dtype=np.int64) * found.interval_us
        own = frames if poses.timestamps_us is None else poses.timestamps_us
        return replace(node, poses=replace(poses, timestamps_us=own + found.start_us))

    return replace(
        asset, asset_to_world=found.asset_to_world, nodes=tuple(timed(node) for node in asset.nodes)
    )


@dataclass(frozen=True, eq=False)
class _Found:
    """A turn about the vertical, a shift [m] and an offset of time [s], and the rows of tracks that nodes fall on."""

    rows: dict[str, int] = field(default_factory=dict)
    distance: float = np.inf  # root mean square, m
    turn: np.ndarray = field(default_factory=lambda: np.eye(3))
    shift: np.ndarray = field(default_factory=lambda: np.zeros(3))
    offset: float = 0.0

    def better(self, other: _Found) -> bool:
        return (len(self.rows), -self.distance) > (len(other.rows), -other.distance)


def _path(node: NodeAsset, interval: float) -> list[_Path]:
    """The way of a node that moves; none of one that hardly does."""
    poses = node.poses
    if poses is None or poses.is_static or poses.valid.sum() < _SAMPLES:
        return []
    own = poses.timestamps_us
    times = np.arange(len(poses)) * interval if own is None else own / 1e6
    places = poses.translations[poses.valid]
    if np.linalg.norm(np.ptp(places, axis=0)) < _MOVED:
        return []
    return [_Path(node.name, times[poses.valid], places)]


class _Tracks:
    """Places of a scene's tracks at any times."""

    def __init__(self, scene: Scene) -> None:
        tracks = scene.tracks
        self.times = (scene.timestamps_us - scene.timestamps_us[0]) / 1e6
        self.places = np.concatenate([tracks.poses[..., :2], tracks.z[..., None]], axis=2).astype(float)
        self.valid = tracks.valid

    def at(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places `[N, n, 3]` [m] and whether the tracks are there, `[N, n]`."""
        row = np.clip(np.searchsorted(self.times, times, side="right") - 1, 0, len(self.times) - 2)
        part = (times - self.times[row]) / (self.times[row + 1] - self.times[row])
        inside = (part > -1e-6) & (part < 1.0 + 1e-6)
        valid = self.valid[:, row] & self.valid[:, row + 1] & inside
        return self.places[:, row] * (1 - part)[:, None] + self.places[:, row + 1] * part[:, None], valid


def _aligned(paths: list[_Path], scene: Scene) -> _Found:
    """The alignment under which most nodes fall on tracks; of those, the nearest."""
    tracks = _Tracks(scene)
    paths = sorted(paths, key=lambda path: -len(path.times))[:_MOST_NODES]
    first, last = min(path.times[0] for path in paths), max(path.times[-1] for path in paths)
    if last - first > _LONGEST:
        raise ArgumentError(
            f"asset: its nodes move over {last - first:.0f} s, expected {_LONGEST:.0f} s at most; give the "
            "transform of its frame instead."
        )
    offsets = np.arange(-last, tracks.times[-1] - first + 0.05, 0.1)
    alike = [_alike(paths, tracks, float(offset)) for offset in offsets]
    sure = [sum(sorted((way for *_, way in pairs), reverse=True)[:_PAIRS]) for pairs in alike]
    best = _Found()
    for number in np.argsort(-np.array(sure), kind="stable")[:_OFFSETS]:
        for path, row, _ in sorted(alike[number], key=lambda pair: -pair[2])[:_PAIRS]:
            found = _tried(paths, tracks, float(offsets[number]), [(path, row)])
            best = found if found.better(best) else best
    if len(best.rows) < FEWEST:
        return best
    pairs = [(path, best.rows[path.name]) for path in paths if path.name in best.rows]
    near = (best.offset - 0.1, best.offset + 0.1)
    fine = minimize_scalar(lambda value: _fitted(tracks, value, pairs)[2], bounds=near, method="bounded")
    found = _tried(paths, tracks, float(fine.x), pairs)
    return found if found.better(best) else best


def _alike(paths: list[_Path], tracks: _Tracks, offset: float) -> list[tuple[_Path, int, float]]:
    """Pairs of node and track that cover the same distances, and how sure that is: the length of the common way [m]."""
    found = []
    for path in paths:
        gap = max(1, int(np.searchsorted(path.times, path.times[0] + 1.0)))
        if gap >= len(path.times):
            continue
        places, valid = tracks.at(path.times + offset)
        both = valid[:, gap:] & valid[:, :-gap]
        own = np.linalg.norm(path.places[gap:] - path.places[:-gap], axis=1)
        theirs = np.linalg.norm(places[:, gap:] - places[:, :-gap], axis=2)
        counts = both.sum(1)
        apart = (np.abs(theirs - own) * both).sum(1) / np.maximum(counts, 1)
        ways = (theirs * both).sum(1)
        good = (counts >= _SAMPLES) & (apart < _ALIKE) & (ways > _MOVED)
        found += [(path, int(row), float(ways[row])) for row in np.flatnonzero(good)]
    return found


def _tried(paths: list[_Path], tracks: _Tracks, offset: float, pairs: list[tuple[_Path, int]]) -> _Found:
    """What comes of laying some nodes on tracks."""
    turn, shift, distance = _fitted(tracks, offset, pairs)
    rows: dict[str, int] = {}
    for _ in range(2):
        rows = _fallen(paths, tracks, offset, turn, shift)
        if not rows:
            return _Found()
        pairs = [(path, rows[path.name]) for path in paths if path.name in rows]
        turn, shift, distance = _fitted(tracks, offset, pairs)
    return _Found(rows, distance, turn, shift, offset)


def _fallen(
    paths: list[_Path], tracks: _Tracks, offset: float, turn: np.ndarray, shift: np.ndarray
) -> dict[str, int]:
    """Row of the nearest track of each node that falls on one, by the node's name; no track twice."""
    held: dict[int, tuple[float, str]] = {}
    for path in paths:
        places, valid = tracks.at(path.times + offset)
        apart = np.linalg.norm(places - (path.places @ turn.T + shift), axis=2)
        counts = valid.sum(1)
        means = np.where(counts >= _SAMPLES, (apart * valid).sum(1) / np.maximum(counts, 1), np.inf)
        row = int(np.argmin(means))
        if means[row] < min(NEAR, held[row][0] if row in held else np.inf):
            held[row] = float(means[row]), path.name
    return {name: row for row, (_, name) in held.items()}


def _fitted(
    tracks: _Tracks, offset: float, pairs: list[tuple[_Path, int]]
) -> tuple[np.ndarray, np.ndarray, float]:
    """Turn about the vertical `[3, 3]`, shift `[3]` and root mean square distance that lay nodes on tracks best."""
    mine, theirs = [], []
    for path, row in pairs:
        places, valid = tracks.at(path.times + offset)
        mine.append(path.places[valid[row]])
        theirs.append(places[row][valid[row]])
    here, there = np.concatenate(mine), np.concatenate(theirs)
    if not len(here):
        return np.eye(3), np.zeros(3), np.inf
    a, b = here - here.mean(0), there - there.mean(0)
    angle = np.arctan2((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum(), (a[:, :2] * b[:, :2]).sum())
    turn = se3.rpy_to_matrix(0.0, 0.0, float(angle))
    shift = there.mean(0) - turn @ here.mean(0)
    return turn, shift, float(np.sqrt(((here @ turn.T + shift - there) ** 2).sum(1).mean()))
