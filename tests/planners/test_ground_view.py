"""Where cells of the ground look, and what they find there."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from simscale_gym.planners.bird_view import AttentionConfig  # noqa: E402
from simscale_gym.planners.ground_view import REACH, GroundGrid  # noqa: E402
from simscale_gym.planners.image_encoder import ResNetConfig  # noqa: E402
from simscale_gym.planners.inputs import InputSpec  # noqa: E402
from simscale_gym.scene.cameras import nuplan_rig  # noqa: E402

INPUTS = InputSpec(image_size=(72, 128))
SIDE = 8


@pytest.fixture
def grid():
    torch.manual_seed(0)
    return GroundGrid(
        INPUTS, ResNetConfig((8, 16), (1, 1)), (SIDE, SIDE), AttentionConfig(16, 2, 32), 0
    ).eval()


def cell_of(x, y):
    row, column = int((REACH - x) / REACH * SIDE), int((REACH - y) / (2 * REACH) * SIDE)
    return row * SIDE + column


def lit(grid, x, y, camera):
    """Features that are 0 but where ``camera`` sees a point of the ground, one of those that cells look at."""
    with torch.no_grad():
        planes = 0.0 * grid.images(torch.zeros(1, 3, 72, 128, 3, dtype=torch.uint8))
    rows, columns = planes.shape[2], planes.shape[3] // 3
    seen_by = nuplan_rig().select((camera,))[0]
    before = (np.linalg.inv(seen_by.cam_to_ego) @ [x, y, 0.0, 1.0])[:3]
    u, v, depth = seen_by.scaled_intrinsics(rows, columns) @ before
    planes[..., int(v / depth), INPUTS.cameras.index(camera) * columns + int(u / depth)] = 1.0
    return planes


@pytest.mark.parametrize(
    ("x", "y", "camera"), [(9.0, 2.0, "cam_f0"), (7.0, 10.0, "cam_l0"), (7.0, -10.0, "cam_r0")]
)
def test_cells_look_where_cameras_see_them(grid, x, y, camera):
    found = grid._found(lit(grid, x, y, camera))[0]
    of_the_ground = found.unflatten(1, (-1, 2, 4))[:, :, 0].sum((1, 2))
    assert of_the_ground.argmax() == cell_of(x, y)


def test_what_no_camera_sees_is_nothing(grid):
    beside = [cell_of(1.0, side) for side in (-31.0, 31.0)]
    with torch.inference_mode():
        found = grid._found(grid.images(torch.zeros(1, 3, 72, 128, 3, dtype=torch.uint8)))[0]
    assert not found[beside].any()
    assert found[cell_of(10.0, 0.5)].any()


def test_cells_look_at_all_pictures_where_there_are_layers():
    torch.manual_seed(0)
    grid = GroundGrid(INPUTS, ResNetConfig((8, 16), (1, 1)), (2, 2), AttentionConfig(16, 2, 32), 1)
    view = grid(torch.randint(0, 256, (2, 3, 72, 128, 3), dtype=torch.uint8))
    assert view.cells.shape == (2, 4, 16) and view.whole.shape == (2, 16)
    view.cells.sum().backward()
    assert grid.token_places.grad.abs().sum() > 0
