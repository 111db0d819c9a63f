"""Trees out of surfels: trunk, branches and leaf sprays around sub-crowns; and the spheres that cast their shade."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simscale_gym.dressing.surfels.sharpness import AS_ASKED, Sharpness
from simscale_gym.dressing.surfels.surfels import Surfels
from simscale_gym.scene.shapes import Tree

Array = NDArray[np.float64]

GOLDEN_ANGLE = np.pi * (3.0 - 5.0**0.5)
NEAR_SPRAYS = 3000  # leaf sprays of a tree beside the path; fewer look painterly from below
FAR_SPRAYS = 380
_ROUNDING = 1.0 + 1e-9
OPTICAL_DEPTH = (
    1.5  # of a sub-crown along its diameter: a third of the sun comes through one, a tenth through two
)
BARK = np.array([0.35, 0.29, 0.23])
# Leaf albedo (sRGB): lime, maple, plane, a touch of early autumn, and two conifers.
LEAF_COLORS = np.array([[0.35, 0.44, 0.22], [0.29, 0.385, 0.20], [0.36, 0.41, 0.23], [0.40, 0.42, 0.21]])
NEEDLE_COLORS = np.array([[0.20, 0.31, 0.20], [0.24, 0.34, 0.19]])


@dataclass(frozen=True)
class _Habit:
    """The way a tree grows.

    Attributes:
        blobs: Sub-crowns, x, y, z, radius `[M, 4]` [m] above the tree's foot.
        fork: Height at which the trunk divides [m]; 0 for a bush.
        trunk: Trunk radius at the foot [m].
        leaf: Albedo `[3]`.
        spray: Size of a leaf spray relative to the usual one.
    """

    blobs: Array
    fork: float
    trunk: float
    leaf: Array
    spray: float


def tree_surfels(tree: Tree, *, lod: float = 1.0, sharpness: Sharpness = AS_ASKED) -> Surfels:
    """Makes a tree: a bush when lower than 2.2 m, a columnar or conical one when slender, else a street tree.

    Args:
        tree: Place and size of the tree; its seed picks the species and every leaf.
        lod: 1 beside the driven path; larger is coarser, its count falls as 1 / lod.
        sharpness: Limits of the cells of its wood.
    """
    rng = np.random.default_rng(tree.seed)
    habit = _habit(tree, rng)
    count = max(FAR_SPRAYS, int(NEAR_SPRAYS * min(1.0, 0.45 + 0.2 * tree.radius) / lod))
    parts = [_foliage(habit, tree, count, rng)]
    if habit.fork > 0.0:
        parts.append(_wood(habit, lod, sharpness, rng))
    centers, u, v, sigmas, albedo, opacity, occlusion = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    total = len(centers)
    return Surfels(
        centers=(centers + np.array([tree.x, tree.y, 0.0])).astype(np.float32),
        u=u.astype(np.float32),
        v=v.astype(np.float32),
        normals=_cross(u, v).astype(np.float32),
        sigmas=sigmas.astype(np.float32),
        albedo=np.clip(albedo, 0.0, 1.0).astype(np.float32),
        opacity=opacity.astype(np.float32),
        occlusion=occlusion.astype(np.float32),
        emissive=np.zeros(total, np.float32),
        gloss=np.zeros(total, np.float32),
    )


def tree_occluders(tree: Tree) -> Array:
    """Spheres that stand for the crown where shade is cast.

    Returns:
        x, y, z, radius [m], extinction [1/m], `[M, 5]`, in the scene frame.
    """
    blobs = _habit(tree, np.random.default_rng(tree.seed)).blobs
    extinction = OPTICAL_DEPTH / (2.0 * blobs[:, 3:])
    return np.concatenate([blobs + np.array([tree.x, tree.y, 0.0, 0.0]), extinction], 1)


def _habit(tree: Tree, rng: np.random.Generator) -> _Habit:
    slender = tree.height / max(tree.radius, 0.1)
    if tree.height < 2.2:
        blobs = _cloud(rng, 7, 0.0, tree.height, tree.radius, spread=0.75)
        return _Habit(blobs, 0.0, 0.0, LEAF_COLORS[rng.integers(3)] * 0.9, 0.7)
    if slender > 4.6:
        needles = NEEDLE_COLORS[rng.integers(2)]
        cone = bool(rng.integers(2))
        return _Habit(_column(rng, tree, cone), 0.12 * tree.height, 0.035 * tree.radius + 0.1, needles, 0.9)
    kind = int(rng.integers(4))
    fork = tree.height * (0.30, 0.27, 0.34, 0.31)[kind] + rng.normal(0.0, 0.1)
    blobs = _cloud(
        rng,
        (12, 15, 11, 13)[kind],
        fork * 0.86,
        tree.height,
        tree.radius,
        spread=(0.66, 0.6, 0.78, 0.7)[kind],
    )
    leaf = LEAF_COLORS[kind] * rng.uniform(0.92, 1.08, 3)
    return _Habit(blobs, fork, 0.05 * tree.radius + 0.06, leaf, (1.0, 0.85, 1.15, 1.0)[kind])


def _cloud(
    rng: np.random.Generator, count: int, low: float, high: float, radius: float, spread: float
) -> Array:
    """Sub-crowns `[count + 1, 4]` inside the ellipsoid between two heights, and one that fills its middle."""
    index = np.arange(count)
    polar = np.arccos(1.0 - 2.0 * (index + 0.6) / (count + 0.4))
    azimuth = index * GOLDEN_ANGLE + rng.uniform(0.0, 2.0 * np.pi) + rng.normal(0.0, 0.35, count)
    size = radius * rng.uniform(0.28, 0.50, count)
    half = 0.5 * (high - low)
    reach = np.minimum(spread, 1.0) + rng.uniform(-0.16, 0.26, count)
    flat = np.sin(polar) * np.clip(radius - size, 0.1, None) * reach / 0.75
    flat = np.minimum(flat, radius - 0.8 * size)
    level = low + half + np.cos(polar) * np.clip(half - 0.8 * size, 0.05, None)
    outer = np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), level, np.minimum(size, half)], 1)
    middle = [0.0, 0.0, low + 1.05 * half, 0.62 * min(radius, half)]
    return np.concatenate([outer, [middle]])


def _column(rng: np.random.Generator, tree: Tree, cone: bool) -> Array:
    """Sub-crowns of a slender tree: rings that narrow towards the top (cone) or towards both ends (column)."""
    low, high = 0.12 * tree.height, 0.99 * tree.height
    rows = []
    level = low + 0.3 * tree.radius
    while level < high:
        share = (level - low) / (high - low)
        width = tree.radius * (1.0 - 0.93 * share if cone else np.sin(np.pi * (0.1 + 0.84 * share)) ** 0.6)
        size = max(0.52 * width, 0.18) * rng.uniform(0.85, 1.15, 4)
        turn = rng.uniform(0.0, 2.0 * np.pi) + np.arange(4) * np.pi / 2
        offset = np.maximum(width - size, 0.0)
        height = level + rng.normal(0.0, 0.12, 4) * size
        rows.append(np.stack([offset * np.cos(turn), offset * np.sin(turn), height, size], 1))
        level += 0.62 * float(size.mean())
    return np.concatenate(rows)


def _unit(vectors: Array) -> Array:
    size = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    return vectors / np.maximum(size, 1e-9)[:, None]


@njit(cache=True)
def _depth_inside(points, blobs):
    """Depth of points `[N, 3]` in the crown: 0 on its skin, 1 in the middle of a sub-crown; `[N]`."""
    out = np.zeros(len(points))
    for i in range(len(points)):
        for j in range(len(blobs)):
            x, y, z = points[i, 0] - blobs[j, 0], points[i, 1] - blobs[j, 1], points[i, 2] - blobs[j, 2]
            square, reach = x * x + y * y + z * z, blobs[j, 3] * (1.0 - out[i])
            if square < reach * reach * _ROUNDING:  # else it cannot be deeper in this one
                out[i] = max(out[i], 1.0 - np.sqrt(square) / blobs[j, 3])
    return out


@njit(cache=True)
def _cross(a, b):
    """As `np.cross` of vectors `[N, 3]`, without its dozen of steps."""
    out = np.empty(a.shape)
    for i in range(len(a)):
        out[i, 0] = a[i, 1] * b[i, 2] - a[i, 2] * b[i, 1]
        out[i, 1] = a[i, 2] * b[i, 0] - a[i, 0] * b[i, 2]
        out[i, 2] = a[i, 0] * b[i, 1] - a[i, 1] * b[i, 0]
    return out


def _sample_sprays(
    habit: _Habit, count: int, shell: tuple[float, float], rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Points `[count, 3]` on shells of the sub-crowns, their outward directions `[count, 3]` and depths `[count]`."""
    blobs, weight = habit.blobs, habit.blobs[:, 3] ** 2
    draws = int(1.8 * count)
    chosen = rng.choice(len(blobs), draws, p=weight / weight.sum())
    outward = _unit(rng.normal(size=(draws, 3)))
    reach = blobs[chosen, 3] * rng.uniform(*shell, draws)
    points = blobs[chosen, :3] + outward * reach[:, None]
    depth = _depth_inside(points, blobs)
    keep = np.sort(np.argsort(depth + rng.uniform(0.0, 0.35, draws), kind="stable")[:count])
    return points[keep], outward[keep], depth[keep]


def _foliage(habit: _Habit, tree: Tree, count: int, rng: np.random.Generator) -> tuple[Array, ...]:
    """Dark large sprays inside, lighter and finer ones towards the skin."""
    coarse = (NEAR_SPRAYS / count) ** 0.5 * habit.spray * min(1.0, 0.5 + tree.radius / 4.6)
    low, high = habit.blobs[:, 2].min() - habit.blobs[0, 3], tree.height
    middle = np.array([0.0, 0.0, 0.5 * (low + high)])
    layers = []
    for share, shell, sizes, tone, opacity in (
        (0.13, (0.35, 0.80), (0.13, 0.19), 0.62, 0.92),
        (0.25, (0.70, 0.98), (0.070, 0.11), 0.86, 0.90),
        (0.62, (0.82, 1.13), (0.034, 0.066), 1.06, 0.88),
    ):
        points, outward, depth = _sample_sprays(habit, int(share * count), shell, rng)
        number = len(points)
        normal = _unit(0.55 * outward + 0.55 * _unit(points - middle) + rng.normal(0.0, 0.32, (number, 3)))
        # Leaves let light through: those that look down are lit nearly as those that look sideways.
        normal[:, 2] = np.where(normal[:, 2] < 0.0, 0.35 * normal[:, 2], normal[:, 2])
        normal = _unit(normal)
        u = _unit(_cross(normal, rng.normal(size=(number, 3))))
        long = coarse * rng.uniform(*sizes, number)
        sigmas = np.stack([long, long * rng.uniform(0.5, 0.85, number), 0.25 * long], 1)
        level = np.clip((points[:, 2] - low) / (high - low), 0.0, 1.0)
        albedo = habit.leaf * (tone * (0.84 + 0.28 * level) * (1.0 + rng.normal(0.0, 0.13, number)))[:, None]
        albedo = albedo * (1.0 + rng.normal(0.0, 0.05, (number, 3)) * [1.0, 0.4, 0.8])
        openness = np.clip(0.42 + 0.58 * level - 0.75 * depth, 0.16, 1.0)
        layers.append((points, u, _cross(normal, u), sigmas, albedo, np.full(number, opacity), openness))
    return tuple(np.concatenate(column) for column in zip(*layers, strict=True))


def _wood(habit: _Habit, lod: float, sharpness: Sharpness, rng: np.random.Generator) -> tuple[Array, ...]:
    """Trunk and the branches that carry the lower and larger sub-crowns."""
    top = np.array([*rng.normal(0.0, 0.06, 2), habit.fork])
    carried = habit.blobs[np.argsort(habit.blobs[:, 2])[: max(3, round(8 / lod**0.5))], :3]
    bend = top + 0.45 * (carried - top) + [0.0, 0.0, 0.10] + rng.normal(0.0, 0.08, (len(carried), 3))
    flare = np.array([0.0, 0.0, 0.35])
    starts = np.concatenate([[np.zeros(3)], [flare], np.tile(top - [0.0, 0.0, 0.1], (len(carried), 1)), bend])
    ends = np.concatenate([[flare], [top], bend, carried])
    thick = habit.trunk
    limbs = len(carried)
    first = np.concatenate([[1.35 * thick, thick], np.full(limbs, 0.5 * thick), np.full(limbs, 0.32 * thick)])
    last = np.concatenate([[thick, 0.78 * thick], np.full(limbs, 0.34 * thick), np.full(limbs, 0.14 * thick)])
    rings = np.concatenate([[3, max(5, round(habit.fork / 0.22))], np.full(2 * limbs, 4)])
    rings = np.maximum(1, np.round(rings / lod**0.7)).astype(int)
    sides = 8 if lod < 1.5 else 5
    if sharpness.limits:
        # half as many as around a smooth pole: bark is rough, and limbs are thinner
        sides = max(sides, int(np.ceil(np.pi * thick / sharpness.chord(thick))))
        lengths = np.linalg.norm(ends - starts, axis=1)
        rings = np.maximum(rings, np.ceil(lengths / (2.0 * sharpness.texture)).astype(int))
    return _tubes(starts, ends, first, last, rings, sides, rng)


def _tubes(
    starts: Array,
    ends: Array,
    first: Array,
    last: Array,
    rings: NDArray[np.int64],
    sides: int,
    rng: np.random.Generator,
) -> tuple[Array, ...]:
    """Tapered tubes from ``starts [M, 3]`` to ``ends``, radii ``first`` to ``last [M]``, ``rings [M]`` cells long."""
    limb = np.repeat(np.arange(len(starts)), rings * sides)
    cell = np.arange(len(limb)) - np.repeat(np.cumsum(rings * sides) - rings * sides, rings * sides)
    along = (cell // sides + 0.5) / rings[limb]
    angle = (cell % sides + 0.5) / sides * 2.0 * np.pi
    length = np.linalg.norm(ends - starts, axis=1)
    axis = (ends - starts) / length[:, None]
    across = _unit(_cross(axis, np.where(np.abs(axis[:, 2:]) < 0.9, [[0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0]])))
    normal = np.cos(angle)[:, None] * across[limb] + np.sin(angle)[:, None] * _cross(axis, across)[limb]
    radius = first[limb] + (last - first)[limb] * along
    points = starts[limb] + along[:, None] * (ends - starts)[limb] + radius[:, None] * normal
    width = np.maximum(0.66 * 2.0 * np.pi * radius / sides, 0.006)
    sigmas = np.stack([0.62 * (length / rings)[limb], width, np.full(len(limb), 0.008)], 1)
    # Bark: streaks that run along the limb.
    tone = 1.0 + 0.10 * np.sin(angle * 3.0 + 7.0 * limb) + rng.normal(0.0, 0.07, len(limb))
    openness = np.clip(1.0 - 0.16 * points[:, 2], 0.45, 1.0)
    u = axis[limb]
    return points, u, _cross(normal, u), sigmas, BARK * tone[:, None], np.full(len(limb), 0.97), openness
