"""Kinds of road users in Argoverse 2, their usual sizes, and the car that drove."""

from __future__ import annotations

from simscale_gym.scene import TrackType, Vehicle

FORD_FUSION = Vehicle(width=1.852, front_length=3.775, rear_length=1.097, wheel_base=2.850, height=1.478)
"""All logs were driven with a Ford Fusion Hybrid (manufacturer's data sheet; its rear overhang is what is left)."""

AXLE_HEIGHT = 0.33
"""The ego frame lies this high [m]: 0.32 above the logs' ground surface; the tyres 235/50 R17 have 0.333."""

SCENARIO_KINDS = {
    "vehicle": (TrackType.VEHICLE, (4.16, 1.88, 1.70)),
    "bus": (TrackType.VEHICLE, (11.58, 2.94, 3.00)),
    "motorcyclist": (TrackType.BICYCLE, (1.76, 0.60, 1.70)),
    "cyclist": (TrackType.BICYCLE, (1.61, 0.50, 1.70)),
    "riderless_bicycle": (TrackType.BICYCLE, (1.61, 0.50, 1.20)),
    "pedestrian": (TrackType.PEDESTRIAN, (0.65, 0.72, 1.78)),
    "construction": (TrackType.TRAFFIC_CONE, (0.24, 0.24, 0.78)),
    "static": (TrackType.GENERIC_OBJECT, (0.40, 0.40, 1.00)),
    "background": (TrackType.GENERIC_OBJECT, (0.40, 0.40, 1.00)),
    "unknown": (TrackType.GENERIC_OBJECT, (0.40, 0.40, 1.00)),
}
"""Kind and length, width, height [m] of a scenario's ``object_type``: medians of sensor logs' annotations."""

ANNOTATED_KINDS = {
    **dict.fromkeys(("PEDESTRIAN", "OFFICIAL_SIGNALER", "STROLLER", "WHEELCHAIR"), TrackType.PEDESTRIAN),
    **dict.fromkeys(
        ("BICYCLE", "BICYCLIST", "MOTORCYCLE", "MOTORCYCLIST", "WHEELED_DEVICE", "WHEELED_RIDER"),
        TrackType.BICYCLE,
    ),
    **dict.fromkeys(
        (
            "REGULAR_VEHICLE", "LARGE_VEHICLE", "BUS", "ARTICULATED_BUS", "SCHOOL_BUS", "BOX_TRUCK", "TRUCK",
            "TRUCK_CAB", "VEHICULAR_TRAILER", "RAILED_VEHICLE",
        ),
        TrackType.VEHICLE,
    ),
    **dict.fromkeys(("CONSTRUCTION_CONE", "CONSTRUCTION_BARREL"), TrackType.TRAFFIC_CONE),
    "BOLLARD": TrackType.BARRIER,
    **dict.fromkeys(
        ("SIGN", "STOP_SIGN", "ANIMAL", "DOG", "MESSAGE_BOARD_TRAILER", "MOBILE_PEDESTRIAN_CROSSING_SIGN",
         "TRAFFIC_LIGHT_TRAILER"),
        TrackType.GENERIC_OBJECT,
    ),
}  # fmt: skip
"""Kind of an annotation's ``category``, as nuPlan sorts them; motorcycles are with the bicycles there."""

EGO = "EGO_VEHICLE"
"""Category of the ego's own box, which some sets have among the others."""

RIDERS = ("BICYCLIST", "MOTORCYCLIST", "WHEELED_RIDER")
"""Categories whose box lies on that of what they ride."""
