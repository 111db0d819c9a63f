"""GeoPackage vector layers with sqlite3, shapely and pyproj alone (OGC 12-128r18): read and write.

Coordinates are stored as nuPlan stores them, longitude and latitude in degrees (EPSG:4326), and handed out
in metres of a projected system.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray

from simscale_gym.errors import DataError
from simscale_gym.sources.nuplan.flat_wkb import is_flat_wkb
from simscale_gym.sources.nuplan.sqlite_table import (
    Table,
    create_table,
    insert_columns,
    read_rows_of,
    read_table,
)

APPLICATION_ID = 0x47504B47
USER_VERSION = 10300
GEODETIC = 4326

# Size of the envelope [byte] by its indicator code, clause 2.1.3 of the standard.
_ENVELOPE_BYTES = (0, 32, 48, 48, 64)

_BOOKKEEPING = {
    "gpkg_spatial_ref_sys": {
        "srs_name": "TEXT NOT NULL", "srs_id": "INTEGER NOT NULL PRIMARY KEY", "organization": "TEXT NOT NULL",
        "organization_coordsys_id": "INTEGER NOT NULL", "definition": "TEXT NOT NULL", "description": "TEXT",
    },
    "gpkg_contents": {
        "table_name": "TEXT NOT NULL PRIMARY KEY", "data_type": "TEXT NOT NULL", "identifier": "TEXT UNIQUE",
        "description": "TEXT DEFAULT ''",
        "last_change": "DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now'))",
        "min_x": "DOUBLE", "min_y": "DOUBLE", "max_x": "DOUBLE", "max_y": "DOUBLE", "srs_id": "INTEGER",
    },
    "gpkg_geometry_columns": {
        "table_name": "TEXT NOT NULL PRIMARY KEY", "column_name": "TEXT NOT NULL",
        "geometry_type_name": "TEXT NOT NULL", "srs_id": "INTEGER NOT NULL", "z": "TINYINT NOT NULL",
        "m": "TINYINT NOT NULL",
    },
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Layer:
    """One vector layer: its columns, and ``geometries [rows]`` of shapely in metres."""

    table: Table
    geometries: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.geometries)


@lru_cache(maxsize=8)
def _transformer(source: int, target: int) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(source, target, always_xy=True)


def project(geometries: NDArray[np.object_], source: int, target: int) -> NDArray[np.object_]:
    """Move geometries between the coordinate systems of two EPSG codes (x before y in both)."""
    transformer = _transformer(source, target)

    def move(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(transformer.transform(points[:, 0], points[:, 1]))

    return shapely.transform(np.asarray(geometries, object), move)


def encode_geometries(geometries: NDArray[np.object_], srs_id: int) -> list[bytes]:
    """GeoPackage blobs (little endian, no envelope) of shapely geometries."""
    header = b"GP" + struct.pack("<BBi", 0, 1, srs_id)
    return [header + blob for blob in shapely.to_wkb(np.asarray(geometries, object), byte_order=1)]


def decode_geometries(table: Table, column: str = "geom") -> NDArray[np.object_]:
    """Shapely geometries ``[rows]`` of a column of GeoPackage blobs, in the stored coordinates.

    GEOS follows geometries in geometries down to the end of the stack, so what nests them is refused.

    Raises:
        DataError: A blob is no geometry, an empty one, or one of others than points, lines and polygons.
    """
    bodies = [_wkb(table, column, row, blob) for row, blob in enumerate(table[column])]
    try:
        return np.asarray(shapely.from_wkb(np.array(bodies, object)), object).reshape(len(bodies))
    except (shapely.errors.ShapelyError, ValueError, TypeError, NotImplementedError, MemoryError):
        for row, body in enumerate(bodies):
            if not _is_geometry(body):
                raise table.fault(column, row, "bytes that are no WKB", "a geometry") from None
        raise


def _is_geometry(body: bytes) -> bool:
    try:
        return shapely.from_wkb(body) is not None
    except (shapely.errors.ShapelyError, ValueError, TypeError, NotImplementedError, MemoryError):
        return False


def _wkb(table: Table, column: str, row: int, blob: Any) -> bytes:
    if not isinstance(blob, bytes) or len(blob) < 13 or blob[:2] != b"GP":
        raise table.fault(column, row, f"{blob!r:.40}", "a GeoPackage geometry ('GP' ...)")
    code = (blob[3] >> 1) & 7
    if code >= len(_ENVELOPE_BYTES) or blob[3] & 0x30:
        raise table.fault(column, row, f"flags {blob[3]:#04x}", "a non-empty standard geometry")
    body = blob[8 + _ENVELOPE_BYTES[code] :]
    if not is_flat_wkb(body):
        expected = "points, lines or polygons, or several of one kind"
        raise table.fault(column, row, f"WKB of another kind ({body[:5].hex()})", expected)
    return body


def read_layer(
    database: sqlite3.Connection,
    path: Path,
    name: str,
    columns: Sequence[str],
    epsg: int,
    fids: Sequence[int] | None = None,
) -> Layer:
    """Read layer ``name`` with ``fid``, ``columns`` and its geometries projected to ``epsg`` [m].

    ``fids`` are those of the rows to read; None reads all.

    Raises:
        DataError: The layer or a column is missing, or a geometry is broken or outside the projection.
    """
    names = ("fid", "geom", *columns)
    if fids is None:
        table = read_table(database, path, name, names)
    else:
        table = read_rows_of(database, path, name, names, "fid", fids)
    geometries = decode_geometries(table)
    if len(geometries):
        geometries = project(geometries, GEODETIC, epsg)
        bounds = shapely.bounds(geometries)
        if not np.isfinite(bounds).all():
            row = int(np.flatnonzero(~np.isfinite(bounds).all(1))[0])
            raise table.fault(
                "geom", row, "coordinates outside the projection", "longitude, latitude [degree]"
            )
    return Layer(table, geometries)


def create_geopackage(database: sqlite3.Connection) -> None:
    """Make an empty database a GeoPackage."""
    database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    database.execute(f"PRAGMA user_version = {USER_VERSION}")
    for name, columns in _BOOKKEEPING.items():
        create_table(database, name, columns)
    wkt = pyproj.CRS.from_epsg(GEODETIC).to_wkt("WKT1_GDAL")
    rows = [
        ("Undefined cartesian SRS", -1, "NONE", -1, "undefined", "undefined Cartesian coordinate system"),
        ("Undefined geographic SRS", 0, "NONE", 0, "undefined", "undefined geographic coordinate system"),
        ("WGS 84 geodetic", GEODETIC, "EPSG", GEODETIC, wkt, "longitude, latitude in degrees"),
    ]
    database.executemany("INSERT INTO gpkg_spatial_ref_sys VALUES (?,?,?,?,?,?)", rows)


def write_layer(
    database: sqlite3.Connection,
    name: str,
    geometry_type: str,
    schema: Mapping[str, str],
    columns: Mapping[str, Sequence[Any]],
    geometries: Sequence[Any],
    epsg: int,
) -> None:
    """Write a layer: ``columns`` (with ``fid``) after ``schema``, ``geometries`` in metres of ``epsg``."""
    kinds = {"fid": "INTEGER PRIMARY KEY NOT NULL", "geom": geometry_type, **schema}
    create_table(database, name, kinds)
    stored = np.array(list(geometries), object).reshape(len(geometries))
    stored = project(stored, epsg, GEODETIC) if len(stored) else stored
    blobs = encode_geometries(stored, GEODETIC)
    insert_columns(database, name, {**columns, "geom": blobs})
    bounds = [float(value) for value in shapely.total_bounds(stored)] if len(stored) else [None] * 4
    database.execute(
        "INSERT INTO gpkg_contents (table_name, data_type, identifier, min_x, min_y, max_x, max_y, srs_id) "
        "VALUES (?, 'features', ?, ?, ?, ?, ?, ?)",
        (name, name, *bounds, GEODETIC),
    )
    database.execute(
        "INSERT INTO gpkg_geometry_columns VALUES (?, 'geom', ?, ?, 0, 0)", (name, geometry_type, GEODETIC)
    )


def write_attributes(database: sqlite3.Connection, name: str, values: Mapping[str, str]) -> None:
    """Write a table without geometry: ``id``, ``key``, ``value``."""
    kinds = {"id": "INTEGER PRIMARY KEY NOT NULL", "key": "TEXT", "value": "TEXT"}
    create_table(database, name, kinds)
    insert_columns(database, name, {"key": list(values), "value": list(values.values())})
    database.execute(
        "INSERT INTO gpkg_contents (table_name, data_type, identifier, srs_id) VALUES (?, 'attributes', ?, 0)",
        (name, name),
    )


def read_projection(database: sqlite3.Connection, path: Path) -> int:
    """EPSG code of the projected system that table ``meta`` names.

    Raises:
        DataError: No such entry, or no EPSG code of a projected system in metres.
    """
    table = read_table(database, path, "meta", ("key", "value"))
    value = dict(zip(table["key"], table["value"], strict=True)).get("projectedCoordSystem")
    authority, _, code = str(value).partition(":")
    try:
        crs = pyproj.CRS.from_epsg(int(code)) if authority.lower() == "epsg" else None
    except (ValueError, pyproj.exceptions.CRSError):
        crs = None
    if crs is None or not crs.is_projected or any(axis.unit_name != "metre" for axis in crs.axis_info):
        raise DataError(
            path,
            field="table meta, key projectedCoordSystem",
            found=repr(value),
            expected="a projected system in metres, e.g. 'epsg:32611'",
        )
    return int(code)
