import numpy as np
import pytest

from simscale_gym.dressing.nodes.node import NodeModel, stride_phase
from simscale_gym.dressing.people.body import SKIN
from simscale_gym.dressing.people.person import (
    CHILD_HEIGHT,
    STRIDE_PHASES,
    builds,
    outfit,
    person_template,
    walking,
)

PEDESTRIAN, BICYCLE = 2, 1


@pytest.mark.parametrize("phase", range(STRIDE_PHASES))
def test_a_walker_stands_on_the_road_and_is_as_tall_as_stated(phase):
    template = person_template(builds()[0], phase, 0)
    solid = template.opacity > 0.9
    assert template.centers[solid, 2].min() == pytest.approx(0.0, abs=0.03)
    assert template.centers[solid, 2].max() == pytest.approx(1.74, abs=0.06)


def test_limbs_keep_their_lengths_through_the_stride():
    for phase in range(STRIDE_PHASES):
        figure = walking(phase)
        np.testing.assert_allclose(np.linalg.norm(figure.knees - figure.hips, axis=1), 0.43, atol=1e-9)
        np.testing.assert_allclose(np.linalg.norm(figure.ankles - figure.knees, axis=1), 0.42, atol=1e-9)


def test_half_a_stride_later_left_and_right_have_changed_places():
    first, later = walking(0), walking(STRIDE_PHASES // 2)
    mirror = np.array([1.0, -1.0, 1.0])
    np.testing.assert_allclose(first.ankles[::-1] * mirror, later.ankles, atol=1e-9)
    assert first.ankles[0, 0] - first.ankles[1, 0] > 0.4  # mid-stride
    assert (first.wrists[0, 0] - first.shoulders[0, 0]) < (first.wrists[1, 0] - first.shoulders[1, 0])


def test_the_phase_follows_the_travelled_distance():
    stride = 0.80 * 1.75
    steps = stride_phase(np.linspace(0.0, stride, 5)[:4] + 1e-6, 1.75)
    assert steps.tolist() == [0, 1, 2, 3]
    assert stride_phase(stride + 1e-6, 1.75) == 0
    assert stride_phase(0.26 * stride, 1.75) == 1


@pytest.mark.parametrize("height", [1.0, 1.25, 1.6, 1.9])
def test_pedestrians_are_as_tall_as_their_box_and_small_ones_are_children(height):
    model = NodeModel.of(PEDESTRIAN, (0.6, 0.6, height), 3)
    surfels = model.level(0).surfels
    assert surfels.centers[:, 2].max() == pytest.approx(height, rel=0.05)
    child = builds()[int(model.look.name)].head > 1.1
    assert child == (height < CHILD_HEIGHT)


def test_a_face_has_features_on_its_front_only():
    template = person_template(builds()[0], 0, 0)
    head = (template.paint == SKIN) & (template.centers[:, 2] > 1.52)
    dark = head & (template.albedo.min(1) < 0.6)
    assert dark.sum() >= 4
    assert template.normals[dark, 0].min() > 0.3


def test_clothes_vary_and_children_are_not_grey():
    colors = np.array([outfit(np.random.default_rng(seed)) for seed in range(30)])
    assert len(np.unique(colors[:, 0].round(2), axis=0)) > 15
    hair = np.array([outfit(np.random.default_rng(seed), child=True)[3] for seed in range(60)])
    assert (hair.max(1) < 0.6).all()


def test_a_bicycle_is_ridden_or_parked_by_its_height():
    ridden, parked = (NodeModel.of(BICYCLE, (1.8, 0.6, height), 5) for height in (1.75, 1.1))
    assert parked.look.name == "parked" != ridden.look.name
    assert ridden.level(0).surfels.centers[:, 2].max() == pytest.approx(1.75, abs=0.12)
    assert parked.level(0).surfels.centers[:, 2].max() == pytest.approx(1.1, abs=0.12)
    assert np.ptp(parked.level(0).surfels.centers[:, 0]) == pytest.approx(1.8, abs=0.12)
