"""What a built-in town is made of, in numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace

TOWN_VERSION = 9
"""Changes whenever the same seed gives another town."""

DRAW = 34
"""Part of every seed. A new look of the same streets (a new TOWN_VERSION alone) keeps roads and traffic. With this one
the first log, which demo and examples show, waits at a light and then drives through the town."""

SPLIT_SEEDS = {
    "train": range(100_000),
    "val": range(100_000, 110_000),
    "test": range(110_000, 120_000),
    "hard": range(120_000, 130_000),
}
"""Town seeds of each split; no road layout stands in two of them."""


@dataclass(frozen=True)
class TownConfig:
    """Settings of how a town is built and peopled; the defaults are those of the built-in splits.

    Attributes:
        columns, rows: Crossing streets in x and y.
        spacing: Smallest and largest distance between neighbouring streets [m].
        jitter: Greatest distance of a crossing from the regular grid [m].
        lane_width: Width of a car lane [m].
        parking_width: Width of a kerbside parking strip [m].
        bike_width: Width of the cyclists' strip at the edge of the carriageway [m].
        sidewalk_width: [m].
        corner_radius: Smallest and largest radius of a kerb at a junction [m].
        crosswalk_width: Along the road [m].
        vehicles, cyclists, pedestrians: Smallest and largest number that move in a log.
        parked_share: Share of the parking places that are taken.
        parked_overhang: Greatest width by which a badly parked car stands in its lane [m].
        lane_change_rate: Probability that a driver wants to change lanes on a stretch of avenue.
        cut_in: Factor on the gaps that a lane changer asks for; under 1 is pushy.
        careful_ego: Whether the ego drives with more care than the others do.
    """

    columns: int = 4
    rows: int = 4
    spacing: tuple[float, float] = (92.0, 132.0)
    jitter: float = 7.0
    lane_width: float = 3.3
    parking_width: float = 2.3
    bike_width: float = 1.5
    sidewalk_width: float = 3.4
    corner_radius: tuple[float, float] = (6.0, 8.5)
    crosswalk_width: float = 3.5
    vehicles: tuple[int, int] = (28, 42)
    cyclists: tuple[int, int] = (3, 7)
    pedestrians: tuple[int, int] = (30, 50)
    parked_share: float = 0.55
    parked_overhang: float = 0.0
    lane_change_rate: float = 0.5
    cut_in: float = 1.0
    careful_ego: bool = False


def config_for_seed(seed: int, config: TownConfig | None = None) -> TownConfig:
    """``config``, or what the split of ``seed`` uses: in ``hard``, denser and ruder traffic around a careful ego."""
    if config is not None:
        return config
    if seed not in SPLIT_SEEDS["hard"]:
        return TownConfig()
    return replace(
        TownConfig(),
        vehicles=(42, 54),
        cyclists=(7, 12),
        pedestrians=(60, 90),
        parked_share=0.85,
        parked_overhang=0.25,
        lane_change_rate=0.9,
        cut_in=0.6,
        careful_ego=True,
    )
