"""Tables of numbers in PLY files: binary of both byte orders, and text.

PLY is read here and not by a library: plyfile is under the GPL, and gsply allocates what a header claims before
it looks at the file's size, reads little-endian files alone and brings a second OpenMP runtime. A header is a
dozen lines of text, and numpy reads the rest.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import as_strided

from simscale_gym.errors import DataError

MAGIC = b"ply"
MAX_HEADER_BYTES = 2**16

_BYTE_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": ""}
_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1",
    "short": "i2", "int16": "i2", "ushort": "u2", "uint16": "u2",
    "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4",
    "float": "f4", "float32": "f4", "double": "f8", "float64": "f8",
}  # fmt: skip


@dataclass
class _Element:
    name: str
    count: int
    properties: list[tuple[str, str]]
    has_lists: bool = False


def read_ply(path: Path, wanted: tuple[str, ...]) -> dict[str, np.ndarray]:
    """The elements of a PLY file that have one of the ``wanted`` names.

    Elements behind the last wanted one are not looked at.

    Returns:
        A structured array with one field per property for each element, by its name.

    Raises:
        DataError: The header is no PLY header, or claims more than the file holds.
    """
    with open(path, "rb") as file:
        head = file.read(MAX_HEADER_BYTES)
        order, elements, start = _parse_header(path, head)
        size = path.stat().st_size - start
        file.seek(start)
        while elements and elements[-1].name not in wanted:
            elements.pop()
        if order:
            tables = [_read_binary(path, file, element, order) for element in elements]
        else:
            tables = _read_text(path, file, elements, size)
    named = zip(elements, tables, strict=True)
    return {element.name: table for element, table in named if element.name in wanted}


def columns(path: object, tables: Mapping[str, np.ndarray], element: str, names: list[str]) -> np.ndarray:
    """Properties of one element side by side: ``[N, len(names)]`` of a common type."""
    table = tables[element]
    present = table.dtype.names or ()
    missing = [name for name in names if name not in present]
    if missing:
        raise DataError(
            path,
            field=f"element {element}",
            found=f"no property {', '.join(missing[:8])} among {', '.join(present[:16]) or 'none'}",
            expected=f"the properties {', '.join(names[:16])}",
            hint="A PLY of Gaussians is meant, as INRIA's trainer, gsplat or SuperSplat write it.",
        )
    if not names:
        return np.zeros((len(table), 0), np.float32)
    kinds, places = zip(*(table.dtype.fields[name][:2] for name in names), strict=True)
    step = kinds[0].itemsize
    if len(set(kinds)) == 1 and places == tuple(range(places[0], places[0] + len(places) * step, step)):
        shape, strides = (len(table), len(names)), (table.itemsize, step)
        return as_strided(table[names[0]], shape, strides, writeable=False)  # neighbors in each row: no copy
    return np.stack([table[name] for name in names], axis=1)


def rest_names(path: object, names: tuple[str, ...], element: str) -> list[str]:
    """The properties ``f_rest_0 ..`` among ``names`` in order of their number: 0, 9, 24 or 45 of them."""
    present = [name for name in names if name.startswith("f_rest_")]
    expected = [f"f_rest_{index}" for index in range(len(present))]
    if set(present) != set(expected) or len(present) not in (0, 9, 24, 45):
        raise DataError(
            path,
            field=f"element {element}, f_rest_*",
            found=f"{len(present)} properties ({', '.join(present[:4])} ..)",
            expected="f_rest_0 .. f_rest_(n-1) with n = 0, 9, 24 or 45 (degree 0 to 3)",
        )
    return expected


def by_basis(rest: np.ndarray) -> np.ndarray:
    """Coefficients `[N, K, 3]` of channel-major ones `[N, 3 K]`, as a view."""
    return rest.reshape(len(rest), 3, rest.shape[1] // 3).transpose(0, 2, 1)


def write_ply(path: Path, names: list[str], table: np.ndarray) -> None:
    """Writes a float table ``[N, len(names)]`` as the element ``vertex``, binary little-endian."""
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {len(table)}"]
    lines += [f"property float {name}" for name in names] + ["end_header", ""]
    with open(path, "wb") as file:
        file.write("\n".join(lines).encode("ascii"))
        file.write(np.ascontiguousarray(table, "<f4").tobytes())


def _parse_header(path: object, head: bytes) -> tuple[str, list[_Element], int]:
    """Byte order (empty: text), elements, and where the data starts."""
    end = head.find(b"\nend_header")
    stop = head.find(b"\n", end + 1)
    if not head.startswith((b"ply\n", b"ply\r\n")) or end < 0 or stop < 0:
        raise DataError(
            path,
            field="header",
            found=f"no whole PLY header in the first {len(head)} bytes",
            expected="ply .. end_header",
            hint="The file may be truncated: fetch or write it again.",
        )
    order, elements = None, []
    for line in head[:end].decode("latin1").split("\n")[1:]:
        words = line.split()
        if not words or words[0] in ("comment", "obj_info"):
            continue
        if words[0] == "format" and len(words) == 3 and words[1] in _BYTE_ORDERS and order is None:
            order = _BYTE_ORDERS[words[1]]
        elif words[0] == "element" and len(words) == 3 and _is_count(words[2]):
            elements.append(_Element(words[1], int(words[2]), []))
        elif words[0] == "property" and elements and len(words) == 3 and words[1] in _TYPES:
            elements[-1].properties.append((words[2], _TYPES[words[1]]))
        elif words[0] == "property" and elements and len(words) == 5 and words[1] == "list":
            elements[-1].has_lists = True
        else:
            raise DataError(
                path,
                field="header",
                found=f"the line {line.strip()[:60]!r}",
                expected="format, comment, element or property, as PLY 1.0 has them",
            )
    if order is None:
        raise DataError(path, field="header", found="no format line", expected="format ascii or binary_..")
    elements = [element for element in elements if element.properties or element.has_lists]
    for element in elements:
        names = [name for name, _ in element.properties]
        if len(set(names)) < len(names):
            repeated = next(name for name in names if names.count(name) > 1)
            raise DataError(
                path,
                field=f"element {element.name}",
                found=f"{repeated} twice",
                expected="each property once",
            )
    return order, elements, stop + 1


def _is_count(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) <= 18


def _dtype(path: object, element: _Element, order: str) -> np.dtype:
    if element.has_lists:
        raise DataError(
            path,
            field=f"element {element.name}",
            found="list properties",
            expected="properties of one number each",
            hint="Save the Gaussians alone, without faces or lists.",
        )
    return np.dtype([(name, (order or "<") + kind) for name, kind in element.properties])


def _read_binary(path: Path, file: io.BufferedReader, element: _Element, order: str) -> np.ndarray:
    dtype = _dtype(path, element, order)
    left = path.stat().st_size - file.tell()
    if element.count * dtype.itemsize > left:
        raise _short(path, element, f"{element.count * dtype.itemsize} bytes", f"{left} bytes")
    if not element.count:
        return np.zeros(0, dtype)
    start = file.tell()
    table = np.memmap(file, dtype, "r", start, (element.count,))
    file.seek(start + table.nbytes)
    return table


def _read_text(path: Path, file: io.BufferedReader, elements: list[_Element], size: int) -> list[np.ndarray]:
    """Reads elements written as text. A number takes two bytes at least: claims are measured before room is made."""
    dtypes = [_dtype(path, element, "") for element in elements]
    with io.TextIOWrapper(file, encoding="latin1") as text:
        return [_read_rows(path, text, *pair, size) for pair in zip(elements, dtypes, strict=True)]


def _read_rows(
    path: Path, text: io.TextIOWrapper, element: _Element, dtype: np.dtype, size: int
) -> np.ndarray:
    if element.count * len(dtype) * 2 > size + 1:
        raise _short(path, element, f"{element.count} rows", f"{size} bytes")
    shape = (element.count, len(dtype))
    try:
        values = _numbers(text, element.count) if element.count else np.zeros(shape)
    except ValueError as error:
        raise DataError(
            path, field=f"element {element.name}", found=str(error)[:100], expected="rows of numbers"
        ) from None
    if values.shape != shape:
        raise _short(path, element, f"rows and numbers {shape}", f"{values.shape}")
    table = np.empty(len(values), dtype)
    with np.errstate(all="ignore"):  # a number that its type cannot hold is named where it is used
        for column, name in enumerate(dtype.names):
            table[name] = values[:, column]
    return table


def _numbers(text: io.TextIOWrapper, count: int) -> np.ndarray:
    """The numbers of the next lines that have any, at most ``count`` of them: ``[lines, numbers]``."""
    lines = (line for line in text if not line.isspace())
    first = list(islice(lines, 1))
    if not first:
        return np.zeros((0, 0))
    return np.loadtxt(chain(first, islice(lines, count - 1)), ndmin=2, comments=None)


def _short(path: object, element: _Element, claimed: str, found: str) -> DataError:
    return DataError(
        path,
        field=f"element {element.name}",
        found=f"a claim of {element.count} rows ({claimed}) and {found} of data",
        expected="as many rows as the header says",
        hint="The file may be truncated: fetch or write it again.",
    )
