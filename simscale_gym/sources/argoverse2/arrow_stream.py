"""How much memory an Arrow stream takes, read from its headers before any is taken.

Buffers of a compressed batch begin with their unpacked length, which a few bytes can set to anything. Where they lie
stands in each message's flatbuffer: Arrow's format/Message.fbs (Message, RecordBatch, DictionaryBatch, Buffer).
"""

from __future__ import annotations

import struct
from typing import Any

MAGIC = b"ARROW1"
"""First and last bytes of an Arrow file, as Feather version 2 is one."""

_HEADER = 2  # fields of Message
_BUFFERS, _COMPRESSION = 2, 3  # of RecordBatch
_DATA = 1  # of DictionaryBatch


def declared_bytes(stream: Any) -> int:
    """What the batches in ``stream`` (a buffer of pyarrow) take once unpacked [byte].

    Raises:
        ValueError: The headers are broken.
    """
    import pyarrow as pa

    total = 0
    for message in pa.ipc.MessageReader.open_stream(stream):
        if message.type in ("record batch", "dictionary"):
            try:
                total += _unpacked(message.metadata.to_pybytes(), message.body, message.type)
            except struct.error:
                raise ValueError(f"the header of a {message.type} points outside of it") from None
    return total


def _unpacked(header: bytes, body: Any, kind: str) -> int:
    batch = _table(header, _at(header, "<I", 0), _HEADER)
    if kind == "dictionary":
        batch = _table(header, batch, _DATA)
    if _field(header, batch, _COMPRESSION) is None:
        return body.size
    place = _field(header, batch, _BUFFERS)
    if place is None:
        return 0
    vector = place + _at(header, "<I", place)
    total = 0
    for index in range(_at(header, "<I", vector)):
        start, length = struct.unpack_from("<qq", header, vector + 4 + 16 * index)
        if length >= 8:
            lead = body[start : start + 8].to_pybytes() if 0 <= start <= body.size else b""
            total += max(_at(lead, "<q", 0), length)  # -1: stored as it is
    return total


def _table(header: bytes, table: int, field: int) -> int:
    place = _field(header, table, field)
    if place is None:
        raise ValueError("the header of a batch is missing")
    return place + _at(header, "<I", place)


def _field(header: bytes, table: int, field: int) -> int | None:
    """Where ``field`` of the ``table`` stands; None where it has its default."""
    vtable = table - _at(header, "<i", table)
    if 4 + 2 * field >= _at(header, "<H", vtable):
        return None
    offset = _at(header, "<H", vtable + 4 + 2 * field)
    return table + offset if offset else None


def _at(data: bytes, kind: str, place: int) -> int:
    if place < 0:
        raise ValueError("the header of a batch points outside of it")
    return struct.unpack_from(kind, data, place)[0]
