"""The families of planners by name, and their sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from simscale_gym.errors import ArgumentError
from simscale_gym.planners.backbone import BackboneConfig
from simscale_gym.planners.bird_view import AttentionConfig
from simscale_gym.planners.conditioned import ConditionedPlanner
from simscale_gym.planners.diffusion import DiffusionConfig, DiffusionPlanner
from simscale_gym.planners.ego_status import EgoStatusConfig, EgoStatusPlanner
from simscale_gym.planners.image_encoder import ResNetConfig
from simscale_gym.planners.inputs import InputSpec
from simscale_gym.planners.mixture import MixtureConfig, MixturePlanner
from simscale_gym.planners.planner import Planner
from simscale_gym.planners.proposals import ProposalsConfig, ProposalsPlanner
from simscale_gym.planners.regression import RegressionConfig, RegressionPlanner
from simscale_gym.planners.scorer import ScorerConfig
from simscale_gym.planners.scoring import ScoringConfig, ScoringPlanner


@dataclass(frozen=True)
class Family:
    """A kind of planner.

    Attributes:
        planner: Its class.
        config: The class of its configs.
        presets: Configs by name: ``tiny`` trains in minutes on two cores, ``paper`` has the published sizes.
    """

    planner: type[Planner]
    config: type
    presets: Mapping[str, Any]


_TINY = BackboneConfig(attention=AttentionConfig(dropout=0.1), vehicles=8)
_SMALL = BackboneConfig(
    ResNetConfig((32, 64, 128, 256), (1, 2, 2, 1)),
    AttentionConfig(128, 4, 512, 0.1),
    grid_layers=1,
    decoder_layers=3,
)
_PAPER = BackboneConfig(
    ResNetConfig((64, 128, 256, 512), (3, 4, 6, 3), stem_kernel=7, stem_stride=2, pool=True),
    AttentionConfig(256, 8, 1024, 0.1),
    grid_layers=4,
    decoder_layers=3,
    map_stride=1,
)
_SIZES = {
    "tiny": (InputSpec(), _TINY),
    "small": (InputSpec(image_size=(144, 256)), _SMALL),
    "paper": (InputSpec(("cam_l0", "cam_f0", "cam_r0"), (512, 683)), _PAPER),
}
_SCORERS = {
    "tiny": ScorerConfig(),
    "small": ScorerConfig(drawn=256),
    "paper": ScorerConfig(3, 16_384, 8192),
}

FAMILIES: Mapping[str, Family] = {
    "regression": Family(
        RegressionPlanner,
        RegressionConfig,
        {name: RegressionConfig(*size) for name, size in _SIZES.items()},
    ),
    "conditioned": Family(
        ConditionedPlanner,
        RegressionConfig,
        {name: RegressionConfig(*size) for name, size in _SIZES.items()},
    ),
    "mixture": Family(
        MixturePlanner,
        MixtureConfig,
        {name: MixtureConfig(*size) for name, size in _SIZES.items()},
    ),
    "diffusion": Family(
        DiffusionPlanner,
        DiffusionConfig,
        {name: DiffusionConfig(*size) for name, size in _SIZES.items()},
    ),
    "proposals": Family(
        ProposalsPlanner,
        ProposalsConfig,
        {
            name: ProposalsConfig(*size, _SCORERS[name], proposals)
            for (name, size), proposals in zip(_SIZES.items(), (16, 32, 64), strict=True)
        },
    ),
    "scoring": Family(
        ScoringPlanner,
        ScoringConfig,
        {
            name: ScoringConfig(
                inputs, body.images, body.attention, body.grid, body.grid_layers, _SCORERS[name]
            )
            for name, (inputs, body) in _SIZES.items()
        },
    ),
    "ego_status": Family(
        EgoStatusPlanner,
        EgoStatusConfig,
        {"tiny": EgoStatusConfig(width=128), "small": EgoStatusConfig(width=256), "paper": EgoStatusConfig()},
    ),
}
"""All families."""


def family_of(name: str) -> Family:
    """The family called ``name``.

    Raises:
        ArgumentError: There is none.
    """
    if name not in FAMILIES:
        raise ArgumentError(f"planner: {name!r} is unknown, expected one of {', '.join(FAMILIES)}.")
    return FAMILIES[name]


def preset_of(name: str, preset: str) -> Any:
    """The config of a family's preset.

    Raises:
        ArgumentError: There is no such family or preset.
    """
    presets = family_of(name).presets
    if preset not in presets:
        raise ArgumentError(f"preset: {name} has no {preset!r}, expected one of {', '.join(presets)}.")
    return presets[preset]


def make_planner(name: str, preset: str = "tiny", inputs: InputSpec | None = None) -> Planner:
    """A planner that has learned nothing; PyTorch's generator draws its weights.

    Args:
        name: Name of its family.
        preset: Name of its size.
        inputs: The pictures that it is to be shown; the preset's if left out.

    Raises:
        ArgumentError: There is no such family or preset.
    """
    config = preset_of(name, preset)
    return family_of(name).planner(config if inputs is None else replace(config, inputs=inputs))


def family_name(planner: Planner) -> str:
    """Name of the family of ``planner``."""
    return next(name for name, family in FAMILIES.items() if family.planner is type(planner))
