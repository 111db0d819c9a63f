"""The cube map of a sky against the same said plainly."""

import numpy as np

from simscale_gym.splats.assets.cube_sky import look_up

# OpenGL 4.6, table 8.19: major axis, and what s and t are of.
FACES = [
    (lambda x, y, z: (x, -z, -y)),
    (lambda x, y, z: (-x, z, -y)),
    (lambda x, y, z: (y, x, z)),
    (lambda x, y, z: (-y, x, -z)),
    (lambda x, y, z: (z, x, -y)),
    (lambda x, y, z: (-z, -x, -y)),
]


def faced(direction):
    """Face, and place on it from -1 to 1, of a direction in OpenGL's axes."""
    face = int(np.argmax([face(*direction)[0] for face in FACES]))
    major, s, t = FACES[face](*direction)
    return face, s / major, t / major


def texel(cube, face, row, column):
    """A texel, or one of the face beside: that which the direction to its centre points at; None beyond a corner."""
    size = cube.shape[1]
    outside = [not 0 <= index < size for index in (row, column)]
    if all(outside):
        return None
    s, t = ((2 * index + 1) / size - 1 for index in (column, row))
    axes = [(1, -t, -s), (-1, -t, s), (s, 1, t), (s, -1, -t), (s, -t, 1), (-s, -t, -1)]
    face, s, t = faced(axes[face])
    return cube[face, min(int((t + 1) / 2 * size), size - 1), min(int((s + 1) / 2 * size), size - 1)]


def plainly(cube, direction):
    size = cube.shape[1]
    face, s, t = faced((direction[0], direction[2], -direction[1]))
    column, row = ((value + 1) / 2 * size - 0.5 for value in (s, t))
    j, i = int(np.floor(column)), int(np.floor(row))
    a, b = column - j, row - i
    around = [texel(cube, face, i + k, j + m) for k in (0, 1) for m in (0, 1)]
    known = [value for value in around if value is not None]
    p, q, r, v = (np.mean(known, axis=0) if value is None else value for value in around)
    return (1 - b) * ((1 - a) * p + a * q) + b * ((1 - a) * r + a * v)


def test_any_direction():
    rng = np.random.default_rng(3)
    cube = rng.uniform(size=(6, 5, 5, 3)).astype(np.float32)
    directions = rng.normal(size=(500, 3)) * rng.uniform(0.1, 50, (500, 1))
    expected = np.stack([plainly(cube, direction) for direction in directions])
    np.testing.assert_allclose(look_up(cube, directions), expected, atol=2e-5)


def test_axes_and_texels():
    """Up is face +y; its texel in the corner lies at (-, -) of x and of OpenGL's z."""
    cube = np.zeros((6, 2, 2, 3), np.float32)
    cube[2, 0, 0] = 1.0
    made = look_up(cube, np.array([[-0.5, 0.5, 1.0], [0.5, 0.5, 1.0], [-0.5, -0.5, 1.0], [0.0, 0.0, 1.0]]))
    np.testing.assert_allclose(made[:, 0], [1.0, 0.0, 0.0, 0.25], atol=1e-6)


# A cube of 2 texels a side whose colours count up, as nvdiffrast looks it up (`texture_kernel.cu`: `indexCubeMap`,
# `wrapCubeMap`, linear) near edges, near corners and within faces, after drivestudio's turn to OpenGL's axes.
KNOWN = [
    ((1, 0.9, 0.2), [0.383333, 0.397222, 0.411111]),
    ((1, -0.99, 0.99), [0.384922, 0.398811, 0.412700]),
    ((0.3, 1, -0.95), [0.786250, 0.800139, 0.814028]),
    ((-0.6, 0.1, 1), [0.348333, 0.362222, 0.376111]),
    ((-1, -0.97, -0.98), [0.506817, 0.520706, 0.534594]),
    ((0.98, -0.2, -1), [0.340667, 0.354556, 0.368444]),
    ((0.2, -1, 0.93), [0.588333, 0.602222, 0.616111]),
    ((0.1, 0.2, -1), [0.583333, 0.597222, 0.611111]),
]


def test_edges_and_corners_are_nvdiffrasts():
    cube = np.arange(72, dtype=np.float32).reshape(6, 2, 2, 3) / 72
    for direction, color in KNOWN:
        np.testing.assert_allclose(look_up(cube, np.array([direction]))[0], color, atol=2e-6)
