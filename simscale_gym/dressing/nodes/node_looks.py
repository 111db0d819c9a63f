"""The template that stands for a track, its stretch to the box, and its colors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simscale_gym.dressing.nodes import objects
from simscale_gym.dressing.nodes.template import Template
from simscale_gym.dressing.people import cyclist, person
from simscale_gym.dressing.people.body import Build
from simscale_gym.dressing.vehicles.vehicle import vehicle_size, vehicle_template
from simscale_gym.scene import TrackType

Array = NDArray[np.float64]

PAINTS = (
    (0.24, (0.86, 0.86, 0.85)), (0.19, (0.075, 0.078, 0.085)), (0.16, (0.34, 0.35, 0.37)), (0.13, (0.62, 0.63, 0.65)),
    (0.09, (0.12, 0.20, 0.40)), (0.07, (0.52, 0.08, 0.09)), (0.03, (0.30, 0.44, 0.56)), (0.03, (0.16, 0.26, 0.20)),
    (0.02, (0.50, 0.44, 0.36)), (0.02, (0.34, 0.20, 0.14)), (0.01, (0.72, 0.42, 0.12)), (0.01, (0.78, 0.66, 0.16)),
)  # fmt: skip
"""Shares and sRGB of car paints: white, black, greys and silver are three in four, as in paint makers' yearly
popularity reports (Axalta, BASF 2022: 78 to 82 % worldwide)."""

FLEET_PAINTS = (
    (0.86, 0.86, 0.85),
    (0.84, 0.84, 0.82),
    (0.80, 0.78, 0.70),
    (0.66, 0.10, 0.10),
    (0.15, 0.28, 0.48),
)
ACCENTS = ((0.14, 0.26, 0.52), (0.62, 0.12, 0.12), (0.12, 0.42, 0.26), (0.90, 0.56, 0.10), (0.25, 0.26, 0.28))
BOXES = ((0.16, 0.28, 0.22), (0.20, 0.21, 0.23), (0.20, 0.26, 0.42), (0.58, 0.46, 0.30), (0.70, 0.34, 0.10))

CONE, BARRIER, SIGN = np.array([0.40, 0.40, 0.72]), np.array([1.96, 0.50, 0.99]), np.array([0.50, 0.86, 1.50])
"""Sizes of the templates [m]."""


@dataclass(frozen=True, eq=False)
class Look:
    """What stands for a track.

    Attributes:
        family: "vehicle", "person", "cyclist" or "object".
        name: Name of the template within its family.
        scale: ``[3]`` stretch along x, y, z.
        paints: ``[P, 3]`` sRGB that the template's painted pieces take.
    """

    family: str
    name: str
    scale: Array
    paints: Array

    @property
    def walks(self) -> bool:
        """Has one template for each phase of a stride."""
        return self.family == "person"


def look_of(track_type: TrackType, size: Array, seed: int) -> Look:
    """The look of a track with a box of ``size [3]`` [m]."""
    rng = np.random.default_rng(seed)
    if track_type == TrackType.PEDESTRIAN:
        return _pedestrian(size, rng)
    if track_type == TrackType.BICYCLE or (
        track_type == TrackType.VEHICLE and size[1] < 1.15 and size[0] < 3.0
    ):
        return _bicycle(size, rng)
    if track_type == TrackType.VEHICLE:
        return _vehicle(size, rng)
    return _object(track_type, size, rng)


def look_template(family: str, name: str, lod: int, phase: int) -> Template:
    """The template that a look names."""
    if family == "vehicle":
        return vehicle_template(name, lod)
    if family == "person":
        return person.person_template(person.builds()[int(name)], phase, lod)
    if family == "cyclist":
        rider = {"rider": Build(coat=0.02), "slim": Build(girth=0.90, coat=0.02, long_hair=True)}
        rider["helmet"] = Build(girth=0.94, coat=0.0, helmet=True)
        return cyclist.cyclist_template(rider[name], lod) if name in rider else cyclist.bicycle_template(lod)
    if name.startswith("barrier"):
        return objects.barrier_template(lod, across=name == "barrier_across")
    make = {
        "cone": objects.cone_template, "sign": objects.sign_template,
        "bin": objects.bin_template, "crate": objects.crate_template,
    }  # fmt: skip
    return make[name](lod)


def vehicle_kind(size: Array, rng: np.random.Generator) -> str:
    """A kind of vehicle whose proportions suit a box: by length and height, the rest by chance."""
    length, _, height = size
    if length > 6.5:
        return (
            "bus"
            if length > 9.0 and height > 2.5 and rng.random() < 0.7
            else ("lorry" if height > 2.4 else "van")
        )
    if height > 1.86 or length > 5.6:
        return "van" if height > 1.72 else "suv"
    if height > 1.60:
        return "suv" if length < 4.75 or rng.random() < 0.75 else "estate"
    if length < 4.30:
        return "hatchback"
    if length < 4.60:
        return str(rng.choice(["hatchback", "sedan", "estate"]))
    return "sedan" if rng.random() < 0.62 else "estate"


def _vehicle(size: Array, rng: np.random.Generator) -> Look:
    name = vehicle_kind(size, rng)
    shares = np.array([share for share, _ in PAINTS])
    paint = np.array(PAINTS[int(rng.choice(len(PAINTS), p=shares / shares.sum()))][1])
    if name in ("bus", "lorry") or (name == "van" and rng.random() < 0.6):
        paint = np.array(FLEET_PAINTS[int(rng.integers(len(FLEET_PAINTS)))])
    accent = np.array(ACCENTS[int(rng.integers(len(ACCENTS)))])
    tone = rng.uniform(0.92, 1.05)
    return Look(
        "vehicle", name, size / vehicle_size(name), np.clip(np.stack([paint * tone, accent]), 0.02, 0.92)
    )


def _pedestrian(size: Array, rng: np.random.Generator) -> Look:
    height = float(np.clip(size[2], 0.8, 2.1))
    builds = person.builds()
    children = [i for i, build in enumerate(builds) if build.head > 1.1]
    choices = (
        children if height < person.CHILD_HEIGHT else [i for i in range(len(builds)) if i not in children]
    )
    name = int(rng.choice(choices))
    colors = person.outfit(rng, child=name in children)
    return Look("person", str(name), np.full(3, height / person.HEIGHT), colors)


def _bicycle(size: Array, rng: np.random.Generator) -> Look:
    ridden = size[2] > 1.30
    name = str(rng.choice(["rider", "slim", "helmet", "helmet"])) if ridden else "parked"
    height = cyclist.RIDDEN_HEIGHT if ridden else cyclist.HEIGHT
    scale = np.clip([size[0] / cyclist.LENGTH, 1.0, size[2] / height], 0.75, 1.25)
    return Look("cyclist", name, np.array([scale[0], scale[2], scale[2]]), person.outfit(rng))


def _object(track_type: TrackType, size: Array, rng: np.random.Generator) -> Look:
    paints = np.array([BOXES[int(rng.integers(len(BOXES)))], ACCENTS[0]])
    if track_type == TrackType.TRAFFIC_CONE:
        return Look("object", "cone", size / CONE, paints)
    if track_type == TrackType.BARRIER:
        across = size[1] >= size[0]
        name, own = ("barrier_across", BARRIER[[1, 0, 2]]) if across else ("barrier_along", BARRIER)
        return Look("object", name, size / own, paints)
    if track_type == TrackType.CZONE_SIGN:
        return Look("object", "sign", size / SIGN, paints)
    slender = max(size[0], size[1]) < 1.0 and 0.7 < size[2] < 1.6
    return (
        Look("object", "bin", size / [0.68, 0.60, 1.10], paints)
        if slender
        else Look("object", "crate", size, paints)
    )
