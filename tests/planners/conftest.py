"""A small planner and a batch of random lessons."""

import pytest


@pytest.fixture
def small_config():
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    from simscale_gym.planners import BackboneConfig, InputSpec, RegressionConfig
    from simscale_gym.planners.bird_view import AttentionConfig
    from simscale_gym.planners.image_encoder import ResNetConfig

    backbone = BackboneConfig(
        ResNetConfig((8, 16), (1, 1)), AttentionConfig(16, 2, 32), grid=(2, 2), decoder_layers=1, vehicles=6,
        map_stride=16,
    )  # fmt: skip
    return RegressionConfig(InputSpec(image_size=(32, 64)), backbone)


@pytest.fixture
def small_planner(small_config):
    import torch

    from simscale_gym.planners import RegressionPlanner

    torch.manual_seed(0)
    return RegressionPlanner(small_config)


@pytest.fixture
def random_batch():
    torch = pytest.importorskip("torch")
    chance = torch.Generator().manual_seed(0)
    return {
        "pictures": torch.randint(0, 256, (3, 3, 32, 64, 3), dtype=torch.uint8, generator=chance),
        "status": torch.randn(3, 8, generator=chance),
        "target": torch.randn(3, 8, 3, generator=chance),
        "vehicles": torch.randn(3, 30, 5, generator=chance),
        "vehicle_mask": torch.arange(30).expand(3, -1) < torch.tensor([[0], [2], [30]]),
        "class_map": torch.randint(0, 7, (3, 8, 16), dtype=torch.uint8, generator=chance),
        "is_sim": torch.tensor([False, True, True]),
    }
