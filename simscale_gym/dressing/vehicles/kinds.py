"""The catalogue of vehicles: lines and proportions of each kind, in metres of its own size."""

from __future__ import annotations

from dataclasses import dataclass, field

from simscale_gym.dressing.vehicles.hull import HullShape


@dataclass(frozen=True)
class CarKind:
    """A car with windows along its side.

    Attributes:
        shape: Lines of the hull.
        axles: x of the rear and front axle [m].
        tyre: Radius of the tyre [m].
        window_rear: x where the side windows end, at the belt and at the roof [m].
        pillars: x at belt, x at roof, width of each pillar between the windows [m].
        seams: Door lines on the side, polylines (x, z) from the belt down.
        handles: x of the middle of each door handle [m].
        lamp_heights: Middle of the tail and head lamps [m].
        lamp_halves: Half height of the tail and head lamps [m].
        head_length, tail_length: Lengths by which the lamps reach round the side [m].
        plate_heights: Middle of the rear and front plate [m].
        cladding: Dark rims on the wheel arches and a tall dark sill.
        rear_glass: Whether the side windows' glass goes on behind the last pillar (else painted metal).
        rim: Number of spokes.
    """

    shape: HullShape
    axles: tuple[float, float]
    tyre: float
    window_rear: tuple[float, float]
    pillars: tuple[tuple[float, float, float], ...]
    seams: tuple[tuple[tuple[float, float], ...], ...]
    handles: tuple[float, ...]
    lamp_heights: tuple[float, float]
    lamp_halves: tuple[float, float] = (0.085, 0.065)
    head_length: float = 0.50
    tail_length: float = 0.26
    plate_heights: tuple[float, float] = (0.66, 0.52)
    cladding: bool = False
    rim: int = 5
    window_inset: float = 0.085
    belt_gap: float = 0.02
    tail_upright: bool = False
    tailgate: tuple[float, float] = field(default=(0.45, 0.0))


HATCHBACK = CarKind(
    HullShape(
        profile=(
            (-1.98, 0.20, 0.02, ""), (-2.06, 0.30, 0.06, ""), (-2.10, 0.52, 0.09, ""), (-2.08, 0.66, 0.09, ""),
            (-2.03, 0.90, 0.08, ""), (-1.95, 1.03, 0.07, "rear_base"), (-1.44, 1.355, 0.05, "rear_top"),
            (-1.36, 1.41, 0.03, "spoiler"), (-0.70, 1.47, 0.035, ""), (-0.05, 1.475, 0.035, ""),
            (0.36, 1.40, 0.045, "screen_top"), (1.10, 1.00, 0.09, "screen_base"), (1.20, 0.955, 0.06, "bonnet_rear"),
            (1.66, 0.88, 0.06, ""), (1.93, 0.76, 0.08, "bonnet_front"), (2.05, 0.62, 0.09, ""),
            (2.09, 0.46, 0.09, ""), (2.05, 0.30, 0.07, ""), (1.96, 0.20, 0.02, ""),
        ),
        half_width=0.90, belt=(1.08, 0.90),
    ),
    axles=(-1.27, 1.33), tyre=0.325, window_rear=(-1.47, -1.12),
    pillars=((0.02, -0.04, 0.09),),
    seams=(
        ((1.02, 0.93), (1.03, 0.60), (0.98, 0.30)), ((0.03, 0.97), (0.02, 0.60), (-0.02, 0.30)),
        ((-1.06, 0.99), (-1.02, 0.80), (-0.88, 0.62), (-0.82, 0.42), (-0.80, 0.30)),
    ),
    handles=(0.22, -0.80), lamp_heights=(0.93, 0.72),
)  # fmt: skip

SEDAN = CarKind(
    HullShape(
        profile=(
            (-2.22, 0.20, 0.02, ""), (-2.32, 0.32, 0.06, ""), (-2.36, 0.55, 0.09, ""), (-2.33, 0.80, 0.08, ""),
            (-2.29, 0.96, 0.06, "boot_edge"), (-2.10, 1.03, 0.04, ""), (-1.80, 1.05, 0.05, "rear_base"),
            (-1.02, 1.385, 0.045, "rear_top"), (-0.70, 1.435, 0.035, ""), (-0.10, 1.45, 0.035, ""),
            (0.38, 1.385, 0.045, "screen_top"), (1.16, 0.985, 0.09, "screen_base"), (1.28, 0.94, 0.06, "bonnet_rear"),
            (1.86, 0.85, 0.07, ""), (2.17, 0.73, 0.09, "bonnet_front"), (2.29, 0.60, 0.10, ""),
            (2.34, 0.45, 0.10, ""), (2.29, 0.29, 0.07, ""), (2.18, 0.20, 0.02, ""),
        ),
        half_width=0.92, belt=(1.02, 0.88), front_taper=(0.85, 0.19), rear_taper=(0.7, 0.13),
    ),
    axles=(-1.37, 1.45), tyre=0.335, window_rear=(-1.58, -1.20),
    pillars=((-0.02, -0.08, 0.09), (-1.08, -1.00, 0.09)),
    seams=(
        ((1.08, 0.91), (1.09, 0.60), (1.04, 0.30)), ((-0.01, 0.95), (-0.02, 0.60), (-0.06, 0.30)),
        ((-1.14, 0.98), (-1.10, 0.80), (-0.97, 0.62), (-0.91, 0.42), (-0.89, 0.30)),
    ),
    handles=(0.18, -0.88), lamp_heights=(0.87, 0.69), tail_length=0.32, plate_heights=(0.72, 0.52), rim=10,
)  # fmt: skip

SUV = CarKind(
    HullShape(
        profile=(
            (-2.08, 0.27, 0.02, ""), (-2.19, 0.38, 0.06, ""), (-2.24, 0.62, 0.09, ""), (-2.21, 0.82, 0.09, ""),
            (-2.14, 1.10, 0.07, "rear_base"), (-1.84, 1.53, 0.05, "rear_top"), (-1.78, 1.60, 0.03, "spoiler"),
            (-0.90, 1.655, 0.035, ""), (-0.05, 1.655, 0.035, ""), (0.38, 1.585, 0.045, "screen_top"),
            (1.10, 1.15, 0.09, "screen_base"), (1.20, 1.10, 0.06, "bonnet_rear"), (1.74, 1.035, 0.06, ""),
            (2.05, 0.93, 0.08, "bonnet_front"), (2.17, 0.78, 0.09, ""), (2.22, 0.56, 0.09, ""),
            (2.17, 0.37, 0.07, ""), (2.05, 0.27, 0.02, ""),
        ),
        half_width=0.935, belt=(1.19, 1.05), front_taper=(0.7, 0.15), rear_taper=(0.55, 0.11),
        section=((0.25, 0.07), (0.42, 0.025), (0.64, 0.03), (0.82, 0.0), (1.05, 0.012)),
    ),
    axles=(-1.34, 1.36), tyre=0.365, window_rear=(-1.78, -1.52),
    pillars=((0.0, -0.06, 0.09), (-1.06, -1.02, 0.10)),
    seams=(
        ((1.02, 1.07), (1.03, 0.70), (0.98, 0.36)), ((0.01, 1.11), (0.0, 0.70), (-0.04, 0.36)),
        ((-1.10, 1.13), (-1.07, 0.92), (-0.94, 0.74), (-0.86, 0.52), (-0.84, 0.36)),
    ),
    handles=(0.20, -0.84), lamp_heights=(1.02, 0.86), lamp_halves=(0.10, 0.06), plate_heights=(0.80, 0.64),
    cladding=True,
)  # fmt: skip

ESTATE = CarKind(
    HullShape(
        profile=(
            (-2.22, 0.21, 0.02, ""), (-2.32, 0.33, 0.06, ""), (-2.36, 0.56, 0.09, ""), (-2.33, 0.78, 0.08, ""),
            (-2.27, 1.02, 0.06, "rear_base"), (-1.90, 1.385, 0.045, "rear_top"), (-1.84, 1.44, 0.03, "spoiler"),
            (-0.80, 1.485, 0.035, ""), (-0.10, 1.48, 0.035, ""), (0.40, 1.405, 0.045, "screen_top"),
            (1.16, 1.00, 0.09, "screen_base"), (1.28, 0.955, 0.06, "bonnet_rear"), (1.86, 0.87, 0.07, ""),
            (2.15, 0.75, 0.09, "bonnet_front"), (2.27, 0.61, 0.10, ""), (2.32, 0.46, 0.10, ""),
            (2.27, 0.30, 0.07, ""), (2.16, 0.21, 0.02, ""),
        ),
        half_width=0.92, belt=(1.05, 0.90), front_taper=(0.85, 0.19), rear_taper=(0.6, 0.11),
    ),
    axles=(-1.38, 1.43), tyre=0.335, window_rear=(-1.98, -1.66),
    pillars=((-0.02, -0.08, 0.09), (-1.10, -1.06, 0.09)),
    seams=(
        ((1.08, 0.93), (1.09, 0.60), (1.04, 0.31)), ((-0.01, 0.97), (-0.02, 0.60), (-0.06, 0.31)),
        ((-1.16, 1.00), (-1.12, 0.80), (-0.98, 0.62), (-0.92, 0.42), (-0.90, 0.31)),
    ),
    handles=(0.18, -0.90), lamp_heights=(0.95, 0.71), tail_length=0.34, rim=10,
)  # fmt: skip

VAN = CarKind(
    HullShape(
        profile=(
            (-2.52, 0.26, 0.01, ""), (-2.58, 0.36, 0.03, ""), (-2.60, 0.60, 0.035, ""),
            (-2.57, 1.20, 0.035, "rear_base"), (-2.49, 1.76, 0.03, "rear_top"), (-2.42, 1.90, 0.03, "spoiler"),
            (-2.20, 1.955, 0.03, ""),
            (0.50, 1.97, 0.04, ""), (1.10, 1.89, 0.05, "screen_top"), (1.84, 1.27, 0.12, "screen_base"),
            (1.94, 1.20, 0.08, "bonnet_rear"), (2.26, 1.05, 0.08, "bonnet_front"), (2.42, 0.86, 0.10, ""),
            (2.47, 0.56, 0.10, ""), (2.42, 0.36, 0.07, ""), (2.32, 0.26, 0.02, ""),
        ),
        half_width=0.97, belt=(1.17, 1.13), tumblehome=0.14, shoulder=0.012, fillet=0.09,
        front_taper=(0.8, 0.17), rear_taper=(0.3, 0.03),
        section=((0.25, 0.05), (0.42, 0.02), (0.70, 0.015), (0.85, 0.0), (1.1, 0.008)),
    ),
    axles=(-1.50, 1.50), tyre=0.345, window_rear=(0.50, 0.52), pillars=(),
    seams=(
        ((1.42, 1.14), (1.44, 0.80), (1.10, 0.50), (1.06, 0.34)), ((0.44, 1.80), (0.43, 1.15), (0.40, 0.34)),
        ((-0.82, 1.80), (-0.82, 1.15), (-0.84, 0.34)), ((0.40, 1.12), (-2.2, 1.12)),
    ),
    handles=(0.62, 0.24), lamp_heights=(0.98, 0.92), lamp_halves=(0.22, 0.085), head_length=0.36,
    tail_length=0.10, plate_heights=(0.72, 0.62), tail_upright=True, window_inset=0.11, rim=6,
)  # fmt: skip

CARS = {"hatchback": HATCHBACK, "sedan": SEDAN, "suv": SUV, "estate": ESTATE, "van": VAN}
