"""Whether WKB holds one geometry or a row of them, without geometries in geometries in geometries.

GEOS follows nested ones down to the end of the stack, and there the process ends.
"""

from __future__ import annotations

import struct

_POINT, _LINE, _POLYGON = 1, 2, 3  # kinds [OGC 06-103r4]; three more is several of that kind
_SEVERAL = 3
_HEIGHTS, _MEASURES, _SYSTEM = (
    0x80000000,
    0x40000000,
    0x20000000,
)  # flags of PostGIS; ISO adds thousands instead


def is_flat_wkb(body: bytes) -> bool:
    """Whether ``body`` is a point, line or polygon, or several of one of these, as far as its bytes go."""
    try:
        kind, at = _head(body, 0)[:2]
        if kind in (_POINT, _LINE, _POLYGON):
            return True  # which nests nothing, whatever else is wrong with it
        if kind - _SEVERAL not in (_POINT, _LINE, _POLYGON):
            return False
        (count,) = struct.unpack_from(_order(body, 0) + "I", body, at)
        at += 4
        for _ in range(count):  # each moves on by five bytes and more, or the bytes run out
            if _head(body, at)[0] != kind - _SEVERAL:
                return False
            at = _end(body, at)
        return at <= len(body)
    except struct.error:
        return False


def _order(body: bytes, at: int) -> str:
    return "<" if body[at : at + 1] == b"\x01" else ">"


def _head(body: bytes, at: int) -> tuple[int, int, int]:
    """Kind of the geometry at a byte, where its content begins, and bytes of each of its points."""
    (code,) = struct.unpack_from(_order(body, at) + "I", body, at + 1)
    kind, more = code & 0xFFFF, code // 1000 % 10 if code < 4000 else 0
    numbers = 2 + bool(code & _HEIGHTS or more in (1, 3)) + bool(code & _MEASURES or more in (2, 3))
    return kind % 1000, at + (9 if code & _SYSTEM else 5), 8 * numbers


def _end(body: bytes, at: int) -> int:
    """Where the point, line or polygon that begins at a byte ends."""
    kind, inside, width = _head(body, at)
    if kind == _POINT:
        return inside + width
    unpack, order = struct.unpack_from, _order(body, at)
    (count,) = unpack(order + "I", body, inside)
    if kind == _LINE:
        return inside + 4 + count * width
    end = inside + 4
    for _ in range(count):
        end += 4 + unpack(order + "I", body, end)[0] * width
    return end
