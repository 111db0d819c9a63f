"""The framing of SPZ files: a header, and quantised columns in one gzip stream or in several zstd streams.

Layout: github.com/nianticlabs/spz, README and `load-spz.cc`. Versions 1 to 3 are one gzip stream that starts with a
header of 16 bytes; version 4 has a plain header of 32 bytes, a table of sizes and one zstd stream per column.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simscale_gym.errors import DataError, MissingExtraError
from simscale_gym.splats.spherical_harmonics import TERMS_BY_DEGREE

MAGIC = b"NGSP"
GZIP_HEADER = struct.Struct("<4sIIBBBx")  # magic, version, count, degree, fractional bits, flags

_ZSTD_HEADER = struct.Struct("<4sIIBBBBI12x")  # as above, then number of streams and where their table is
_TABLE_ROW = struct.Struct("<QQ")  # bytes compressed and whole
_ANTIALIASED, _HAS_EXTENSIONS = 1, 2  # bits of the flags
_MAX_PER_BYTE = 1  # Gaussians: real files take 10 bytes and more for each, but zeros compress to nothing
_FEW = 2**16  # Gaussians that any file may hold
_MAX_EXTENSION_BYTES = 2**20
_MAX_WINDOW_BYTES = 2**27  # what zstd's own tool grants a decoder


@dataclass(frozen=True)
class SpzHeader:
    """What an SPZ file says of itself.

    Attributes:
        version: 1 to 4.
        count: Number of Gaussians.
        degree: Degree of the view-dependent colours.
        fractional_bits: Binary places of the positions.
        has_extensions: Whether vendors' records follow, which are passed over.
    """

    version: int
    count: int
    degree: int
    fractional_bits: int
    has_extensions: bool

    @property
    def widths(self) -> tuple[int, ...]:
        """Bytes that a Gaussian takes in each column: position, opacity, colour, scale, rotation, coefficients."""
        position, rotation = 6 if self.version == 1 else 9, 3 if self.version < 3 else 4
        return (position, 1, 3, 3, rotation, 3 * (TERMS_BY_DEGREE[self.degree] - 1))


def read_spz_columns(path: Path) -> tuple[SpzHeader, list[np.ndarray]]:
    """The header and the columns `[count, width]` uint8.

    Raises:
        DataError: Another version, more Gaussians claimed than the file can hold, or a damaged stream.
        MissingExtraError: Version 4 without the package zstandard.
    """
    data = path.read_bytes()
    header, columns = _read_zstd(path, data) if data.startswith(MAGIC) else _read_gzip(path, data)
    shapes = [(header.count, width) for width in header.widths]
    return header, [
        np.frombuffer(column, np.uint8).reshape(shape) for column, shape in zip(columns, shapes, strict=True)
    ]


def is_antialiased(path: Path) -> bool:
    """Whether a file is SPZ and says of itself that it was trained in the antialiased mode."""
    with open(path, "rb") as file:
        head = file.read(2**12)
    if not head.startswith(MAGIC):
        try:
            head = zlib.decompressobj(wbits=31).decompress(head, GZIP_HEADER.size)
        except zlib.error:
            return False
    if len(head) < GZIP_HEADER.size or not head.startswith(MAGIC):
        return False
    return bool(GZIP_HEADER.unpack_from(head)[-1] & _ANTIALIASED)


def _read_gzip(path: Path, data: bytes) -> tuple[SpzHeader, list[bytes]]:
    stream = zlib.decompressobj(wbits=31)
    head = _inflate(path, stream, data, GZIP_HEADER.size)
    header = _header(path, *GZIP_HEADER.unpack(head), versions=(1, 2, 3), size=len(data))
    body = memoryview(_inflate(path, stream, stream.unconsumed_tail, header.count * sum(header.widths)))
    _check_end(path, stream, header.has_extensions)
    ends = header.count * np.cumsum(header.widths)
    return header, [
        body[end - header.count * width : end] for end, width in zip(ends, header.widths, strict=True)
    ]


def _read_zstd(path: Path, data: bytes) -> tuple[SpzHeader, list[bytes]]:
    if len(data) < _ZSTD_HEADER.size:
        raise DataError(path, field="header", found=f"{len(data)} bytes", expected=f"{_ZSTD_HEADER.size}")
    *words, streams, table = _ZSTD_HEADER.unpack_from(data)
    header = _header(path, *words, versions=(4,), size=len(data))
    sizes = [header.count * width for width in header.widths]
    wanted = [size for size in sizes if size]  # empty columns have no stream
    start = table + streams * _TABLE_ROW.size
    if streams != len(wanted) or table < _ZSTD_HEADER.size or start > len(data):
        found = f"{streams} streams, table at {table} of {len(data)} bytes"
        raise DataError(path, field="streams", found=found, expected=f"{len(wanted)} streams inside the file")
    rows = [_TABLE_ROW.unpack_from(data, table + i * _TABLE_ROW.size) for i in range(streams)]
    if [whole for _, whole in rows] != wanted or start + sum(packed for packed, _ in rows) != len(data):
        raise DataError(
            path, field="streams", found=f"sizes {rows}"[:120], expected=f"{wanted} bytes, to the end"
        )
    parts = []
    for packed, whole in rows:
        parts.append(_decompress(path, data[start : start + packed], whole))
        start += packed
    filled = iter(parts)
    return header, [next(filled) if size else b"" for size in sizes]


def _header(
    path: Path,
    magic: bytes,
    version: int,
    count: int,
    degree: int,
    bits: int,
    flags: int,
    *,
    versions: tuple[int, ...],
    size: int,
) -> SpzHeader:
    if magic != MAGIC:
        raise DataError(path, field="header", found=repr(magic), expected=repr(MAGIC))
    if version not in versions:
        raise DataError(path, field="version", found=str(version), expected=" or ".join(map(str, versions)))
    if degree >= len(TERMS_BY_DEGREE):
        hint = "Leave the highest degree out with the program that wrote it."
        raise DataError(path, field="degree", found=str(degree), expected="0 to 3", hint=hint)
    header = SpzHeader(version, count, degree, bits, bool(flags & _HAS_EXTENSIONS))
    most = _MAX_PER_BYTE * size + _FEW
    if count > most:
        found = f"{count} in {size} compressed bytes"
        raise DataError(path, field="count", found=found, expected=f"at most {most} in a file of this size")
    return header


def _inflate(path: Path, stream: zlib._Decompress, data: bytes, size: int) -> bytes:
    """The next ``size`` bytes of the stream; an error where there are fewer."""
    try:
        out = stream.decompress(data, size) if size else b""
    except zlib.error as error:
        found = f"a damaged stream ({error})"
        raise DataError(path, found=found, expected="gzip, whole", hint="Fetch the file again.") from None
    if len(out) < size:
        found = f"{len(out)} of {size} bytes"
        raise DataError(path, found=found, expected="the whole stream", hint="Fetch the file again.")
    return out


def _check_end(path: Path, stream: zlib._Decompress, has_extensions: bool) -> None:
    """Nothing but extensions may follow, and the stream's checksum must have been met."""
    try:
        extra = stream.decompress(stream.unconsumed_tail, _MAX_EXTENSION_BYTES)
    except zlib.error as error:
        raise DataError(path, found=f"a damaged stream ({error})", expected="gzip, whole") from None
    if not stream.eof or (extra and not has_extensions):
        found = f"{len(extra)} bytes more" if extra else "a stream without its end"
        raise DataError(path, field="count", found=found, expected="a stream that ends with its last column")


def _decompress(path: Path, data: bytes, size: int) -> bytes:
    """Exactly ``size`` bytes of a zstd stream."""
    try:
        import zstandard
    except ImportError:
        raise MissingExtraError("zstandard, which SPZ version 4 needs,", "spz") from None
    decoder = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW_BYTES)
    try:
        with decoder.stream_reader(io.BytesIO(data)) as stream:
            out = stream.read(size)
            more = stream.read(1)
    except zstandard.ZstdError as error:
        found = f"a damaged stream ({error})"
        raise DataError(path, found=found, expected="zstd, whole", hint="Fetch the file again.") from None
    if len(out) != size or more:
        found = f"{'more than ' if more else ''}{len(out)} bytes"
        raise DataError(path, field="streams", found=found, expected=f"{size} bytes")
    return out
