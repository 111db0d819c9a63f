"""A contact sheet of a data set: random samples with their pictures, a view from above and their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from simscale_gym.commands.data_settings import Show
from simscale_gym.datagen import DataSample, DataSet
from simscale_gym.datagen.class_map import RESOLUTION, SIDE, MapClass
from simscale_gym.errors import ArgumentError, DataError
from simscale_gym.files.atomic_write import atomic_write
from simscale_gym.geometry import box
from simscale_gym.viewer.bev import EGO, GROUND, LOG, OBJECT_COLOR, PAINT, PERTURBED, PLAN, ROAD, TRACK_COLORS

_ROW, _GAP, _TEXT = 220, 8, 300  # height of a sample, room between things, width of its scores [px]
_COLORS = {
    MapClass.NOTHING: GROUND,
    MapClass.ROAD: ROAD,
    MapClass.CROSSWALK: (112, 114, 118),
    MapClass.CENTERLINE: (96, 100, 106),
    MapClass.STATIC: OBJECT_COLOR,
    MapClass.VEHICLE: next(iter(TRACK_COLORS.values())),
    MapClass.PERSON: list(TRACK_COLORS.values())[-1],
}
_EGO_BOX = np.array([[4.05, 1.15], [-1.13, 1.15], [-1.13, -1.15], [4.05, -1.15]])  # nuPlan's vehicle [m]
_SHARPER = 2


def draw_sheet(settings: Show) -> None:
    """Draw the sheet.

    Raises:
        ArgumentError: Fewer than one sample is asked for.
        DataError: It is no data set, or an empty or damaged one.
    """
    if settings.samples < 1:
        raise ArgumentError(f"samples: {settings.samples}, expected 1 or more.")
    data_set = DataSet(settings.folder)
    if not len(data_set):
        raise DataError(settings.folder, found="no samples", expected="one or more")
    count = min(settings.samples, len(data_set))
    chosen = np.sort(np.random.default_rng(settings.seed).choice(len(data_set), count, replace=False))
    strips = [sample_strip(data_set[int(index)], data_set.recipe["spec"]["cameras"]) for index in chosen]
    sheet = Image.new("RGB", (max(s.width for s in strips), count * (_ROW + _GAP) - _GAP), "white")
    for place, strip in enumerate(strips):
        sheet.paste(strip, (0, place * (_ROW + _GAP)))
    with atomic_write(settings.out) as built:
        sheet.save(built)


def sample_strip(sample: DataSample, cameras: Sequence[str]) -> Image.Image:
    """Pictures, view from above and scores of a sample, side by side."""
    pictures = [Image.fromarray(sample.pictures[name]) for name in _left_to_right(cameras)]
    parts = [image.resize((round(image.width * _ROW / image.height), _ROW)) for image in pictures]
    parts += [view_from_above(sample), _scores(sample.row)]
    strip = Image.new("RGB", (sum(part.width + _GAP for part in parts) - _GAP, _ROW), "white")
    at = 0
    for part in parts:
        strip.paste(part, (at, 0))
        at += part.width + _GAP
    return strip


def view_from_above(sample: DataSample) -> Image.Image:
    """Map and others around the ego, heading up, whom no camera sees outlined; its past, the route and the label."""
    arrays, side = sample.arrays, SIDE * _SHARPER
    palette = np.array([_COLORS[kind] for kind in MapClass], np.uint8)
    image = Image.fromarray(palette[arrays.class_map]).resize((side, side), Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(image)
    ways = ((arrays.route, LOG, 1), (arrays.history, PERTURBED, 5), (arrays.target_10hz, PLAN, 3))
    for corners in box.corners(arrays.boxes[~arrays.box_seen][:, [0, 1, 6, 3, 4]]):
        draw.polygon(_pixels(corners), outline=PERTURBED, width=4)
    draw.polygon(_pixels(_EGO_BOX), fill=EGO, outline=PAINT)
    for points, color, width in ways:
        draw.line(_pixels(points[:, :2]), fill=color, width=width)
    for x, y in _pixels(arrays.target[:, :2]):
        draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=PLAN)
    return image.resize((_ROW, _ROW), Image.Resampling.LANCZOS)


def _left_to_right(cameras: Sequence[str]) -> list[str]:
    """The left cameras before the front one, as a driver looks."""
    order = {"cam_l": 0, "cam_f": 1, "cam_r": 2}
    return sorted(cameras, key=lambda name: order.get(name[:5], 3))


def _pixels(points: NDArray) -> list[tuple[float, float]]:
    cells = (SIDE * RESOLUTION / 2 - points[:, ::-1]) / RESOLUTION * _SHARPER
    return [tuple(cell) for cell in cells.tolist()]


def _scores(row: Mapping[str, object]) -> Image.Image:
    image = Image.new("RGB", (_TEXT, _ROW), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(11)
    codes = [name.removeprefix("label_") for name in row if name.startswith("label_")]
    lines = [
        row["scene"][-44:],
        f"T {row['frame']}  {row['kind']}  {row['expert']}  round {row['round'] + 1}",
        f"off the log: along {row['offset_along']:+.1f} m, across {row['offset_across']:+.2f} m, "
        f"{np.degrees(row['offset_turn']):+.0f} deg",
        f"others {row['boxes']}" + (", the label depends on the unseen" if row["depends_on_unseen"] else ""),
    ]
    for place, line in enumerate(lines):
        draw.text((2, 2 + 15 * place), line, fill="black", font=font)
    table = [("", "label", "way off the log")]
    table += [
        (code, *(_number(row[f"{what}_{code}"]) for what in ("label", "perturbation"))) for code in codes
    ]
    for place, cells in enumerate(table, len(lines)):
        for column, cell in zip((2, 50, 100), cells, strict=True):
            draw.text((column, 2 + 15 * place), cell, fill="black", font=font)
    return image


def _number(value: object) -> str:
    return "-" if value is None else f"{value:.2f}"
