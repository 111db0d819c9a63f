"""The regression planner and the control without eyes."""

import pytest

torch = pytest.importorskip("torch")

from simscale_gym.errors import ArgumentError  # noqa: E402
from simscale_gym.planners import FAMILIES, EgoStatusPlanner, InputSpec, make_planner  # noqa: E402
from simscale_gym.planners.box_head import box_losses  # noqa: E402
from simscale_gym.planners.families import preset_of  # noqa: E402


def test_shapes_and_bounds(small_planner, random_batch):
    outputs = small_planner(random_batch["pictures"], 100.0 * random_batch["status"])
    assert outputs["plan"].shape == (3, 8, 3) and outputs["plan"][..., 2].abs().max() <= torch.pi
    assert outputs["boxes"].shape == (3, 6, 5) and outputs["class_map"].shape == (3, 7, 8, 16)


def test_every_weight_learns_from_every_term_that_it_should(small_planner, random_batch):
    losses = small_planner.losses(
        small_planner(random_batch["pictures"], random_batch["status"]), random_batch
    )
    assert set(losses) == {"trajectory", "presence", "boxes", "class_map"}
    assert all(loss.shape == (3,) and loss.isfinite().all() for loss in losses.values())
    sum(loss.mean() for loss in losses.values()).backward()
    assert all(value.grad.any() for value in small_planner.parameters())


def test_samples_of_a_batch_do_not_touch_each_other(small_planner, random_batch):
    plans = small_planner.eval()(random_batch["pictures"], random_batch["status"])["plan"]
    alone = small_planner(random_batch["pictures"][1:2], random_batch["status"][1:2])["plan"]
    torch.testing.assert_close(plans[1:2], alone, rtol=1e-4, atol=1e-5)


def test_it_looks_at_all_cameras(small_planner, random_batch):
    plan = small_planner(random_batch["pictures"], random_batch["status"])["plan"]
    for camera in range(3):
        dark = random_batch["pictures"].clone()
        dark[:, camera] = 0
        assert not torch.allclose(small_planner(dark, random_batch["status"])["plan"], plan)


def test_the_control_has_no_eyes(random_batch):
    planner = make_planner("ego_status", inputs=InputSpec(image_size=(32, 64)))
    assert isinstance(planner, EgoStatusPlanner)
    plan = planner(random_batch["pictures"], random_batch["status"])["plan"]
    assert torch.equal(planner(0 * random_batch["pictures"], random_batch["status"])["plan"], plan)
    assert not torch.equal(planner(random_batch["pictures"], 0 * random_batch["status"])["plan"], plan)


def boxes_of(count):
    return torch.rand(1, count, 5, generator=torch.Generator().manual_seed(1)) * 20.0


def test_boxes_are_matched_whatever_their_order():
    truth, there = boxes_of(4), torch.ones(1, 4, dtype=torch.bool)
    order = torch.tensor([2, 0, 3, 1])
    presence = torch.full((1, 4), 8.0)
    missed, apart = box_losses(presence, truth[:, order], truth, there, presence_weight=10.0, box_weight=1.0)
    assert apart.item() == 0.0 and missed.item() < 0.01


def test_queries_that_are_too_many_are_told_so():
    truth, there = boxes_of(4), torch.tensor([[True, False, False, False]])
    presence = torch.full((1, 4), 8.0)
    missed, apart = box_losses(presence, truth, truth, there, presence_weight=1.0, box_weight=1.0)
    assert apart.item() == 0.0 and missed.item() == pytest.approx(6.0, rel=0.01)


def test_nobody_there_is_no_error_of_boxes():
    truth, nobody = boxes_of(3), torch.zeros(1, 3, dtype=torch.bool)
    presence = torch.full((1, 3), -8.0)
    missed, apart = box_losses(presence, truth, truth, nobody, presence_weight=1.0, box_weight=1.0)
    assert apart.item() == 0.0 and missed.item() < 0.001


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_unknown_names(family):
    with pytest.raises(ArgumentError, match="expected one of tiny, small, paper"):
        preset_of(family, "huge")
    with pytest.raises(ArgumentError, match="planner: 'regresion' is unknown"):
        make_planner("regresion")
