"""Blobs and projections of GeoPackage, against bytes worked out by hand."""

import struct
from pathlib import Path

import numpy as np
import pytest
import shapely

from simscale_gym.errors import DataError
from simscale_gym.sources.nuplan.geopackage import GEODETIC, decode_geometries, encode_geometries, project
from simscale_gym.sources.nuplan.sqlite_table import Table

POINT = struct.pack("<BIdd", 1, 1, 3.0, 4.0)


def decode(*blobs):
    return decode_geometries(Table(Path("map.gpkg"), "layer", {"geom": blobs}))


def test_a_point_is_encoded_byte_by_byte():
    assert encode_geometries([shapely.Point(3, 4)], GEODETIC) == [
        b"GP\x00\x01" + struct.pack("<i", 4326) + POINT
    ]


@pytest.mark.parametrize(("code", "size"), [(0, 0), (1, 32), (2, 48), (3, 48), (4, 64)])
def test_envelopes_of_every_kind_are_skipped(code, size):
    blob = b"GP\x00" + bytes([1 | code << 1]) + struct.pack("<i", 4326) + b"\x07" * size + POINT
    assert decode(blob)[0].equals(shapely.Point(3, 4))


def test_big_endian_geometries_are_read():
    body = struct.pack(">BIdd", 0, 1, 3.0, 4.0)
    assert decode(b"GP\x00\x00" + struct.pack(">i", 4326) + body)[0].equals(shapely.Point(3, 4))


@pytest.mark.parametrize("blob", [None, "text", b"", b"GP", b"XX\x00\x01" + b"\0" * 30, b"GP\x00\x0b" + b"\0" * 99,
                                  b"GP\x00\x11" + b"\0" * 40, b"GP\x00\x01" + b"\0" * 4 + POINT[:-3]])  # fmt: skip
def test_what_is_no_geometry_is_named(blob):
    good = encode_geometries([shapely.Point(1, 2)], GEODETIC)[0]
    with pytest.raises(DataError, match="table layer, column geom, row 1"):
        decode(good, blob)


def nested(kind, levels):
    return struct.pack("<BII", 1, kind, 1) * levels + POINT


@pytest.mark.parametrize(
    "body",
    [
        nested(7, 100_000),
        nested(4, 100_000),
        struct.pack("<BIII", 1, 7 | 0x20000000, 4326, 1) * 100_000 + POINT,
        struct.pack("<BII", 1, 4, 2) + POINT + nested(4, 100_000),
        struct.pack("<BII", 1, 8, 3) + struct.pack("<6d", 0, 0, 1, 1, 2, 0),
        struct.pack("<BII", 1, 10, 1) + struct.pack("<BII", 1, 8, 3) + struct.pack("<6d", 0, 0, 1, 1, 2, 0),
        struct.pack("<BII", 1, 4, 2**31) + POINT,
    ],
    ids=[
        "collections",
        "multipoints",
        "with a system",
        "the second part",
        "curve",
        "curve polygon",
        "a false count",
    ],
)
def test_geometries_in_geometries_are_refused(body):
    """GEOS follows them to the end of the stack, where the process ends."""
    with pytest.raises(DataError, match="expected points, lines or polygons"):
        decode(b"GP\x00\x01" + struct.pack("<i", 4326) + body)


@pytest.mark.parametrize("flavor", ["iso", "extended"])
@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize(
    "text",
    [
        "POINT ZM (1 2 3 4)", "LINESTRING M (1 2 3, 4 5 6)", "POLYGON Z ((0 0 1, 1 0 2, 1 1 3, 0 0 1))",
        "MULTIPOINT ((1 2), (3 4))", "MULTILINESTRING Z ((0 0 0, 1 1 1), (2 2 2, 3 3 3))",
        "MULTIPOLYGON (((0 0, 9 0, 9 9, 0 0), (2 1, 3 1, 3 2, 2 1)), ((20 0, 21 0, 21 1, 20 0)))",
    ],
)  # fmt: skip
def test_all_kinds_without_nesting_are_read(text, flavor, order):
    made = shapely.from_wkt(text)
    body = shapely.to_wkb(made, flavor=flavor, byte_order=order, output_dimension=4)
    assert decode(b"GP\x00\x01" + struct.pack("<i", 4326) + body)[0].equals(made)


@pytest.mark.parametrize(
    ("epsg", "x", "y"),
    [(32611, 664e3, 3998e3), (32617, 586e3, 4475e3), (32619, 331e3, 4690e3), (32648, 365e3, 143e3)],
)
def test_metres_survive_degrees_to_a_micrometre(epsg, x, y):
    rng = np.random.default_rng(0)
    line = shapely.LineString(np.array([x, y]) + rng.uniform(-5000, 5000, (200, 2)))
    back = project(project([line], epsg, GEODETIC), GEODETIC, epsg)[0]
    np.testing.assert_allclose(
        shapely.get_coordinates(back), shapely.get_coordinates(line), rtol=0, atol=1e-6
    )


def test_projection_is_utm():
    """The central meridian of zone 11 is 117 degrees west, its false easting 500 km."""
    assert (
        project([shapely.Point(-117.0, 0.0)], GEODETIC, 32611)[0].distance(shapely.Point(500_000, 0)) < 1e-6
    )
