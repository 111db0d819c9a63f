"""The cube map of a sky against the same said plainly."""

import numpy as np

from simscale_gym.splats.cube_sky import look_up

# OpenGL 4.6, table 8.19: major axis, and what s and t are of.
FACES = [
    (lambda x, y, z: (x, -z, -y)),
    (lambda x, y, z: (-x, z, -y)),
    (lambda x, y, z: (y, x, z)),
    (lambda x, y, z: (-y, x, -z)),
    (lambda x, y, z: (z, x, -y)),
    (lambda x, y, z: (-z, -x, -y)),
]


def plainly(cube, direction):
    x, y, z = direction[0], direction[2], -direction[1]
    face = int(np.argmax([face(x, y, z)[0] for face in FACES]))
    major, s, t = FACES[face](x, y, z)
    size = cube.shape[1]
    column, row = ((value / major + 1) / 2 * size - 0.5 for value in (s, t))
    column, row = (np.clip(value, 0, size - 1) for value in (column, row))
    j, i = int(column), int(row)
    j2, i2 = min(j + 1, size - 1), min(i + 1, size - 1)
    a, b = column - j, row - i
    upper = (1 - a) * cube[face, i, j] + a * cube[face, i, j2]
    lower = (1 - a) * cube[face, i2, j] + a * cube[face, i2, j2]
    return (1 - b) * upper + b * lower


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
