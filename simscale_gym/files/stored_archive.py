"""Zip archives of raw arrays: members are stored as they are, so a claim can be held against the file's size."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

from simscale_gym.errors import DataError

BROKEN_ARCHIVE = (
    zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, RuntimeError, OSError, OverflowError,
)  # fmt: skip
"""What a damaged archive makes `zipfile` raise: it seeks, decodes, checks sums, and knows no encryption."""

_LOCAL_HEADER = struct.Struct("<4s22xHH")  # signature, .., bytes of name and of extra field [APPNOTE 4.3.7]
_ENCRYPTED, _UTF8 = 0x1, 0x800  # flags


def check_stored(path: Path, info: zipfile.ZipInfo, field: str) -> None:
    """Refuses a member that is compressed or claims more bytes than its file has; reading would make room for it."""
    size = path.stat().st_size
    plain = info.compress_type == zipfile.ZIP_STORED and not info.flag_bits & _ENCRYPTED
    if not plain or info.file_size != info.compress_size or info.file_size > size:
        raise DataError(
            path,
            field=field,
            found=f"{info.file_size} bytes, compression {info.compress_type}, in a file of {size} bytes",
            expected="a member that is stored uncompressed",
        )


def read_stored(path: Path, info: zipfile.ZipInfo, field: str) -> bytes:
    """The bytes of a member, without reading the archive's directory again: checkpoints have hundreds of members."""
    check_stored(path, info, field)
    if not 0 <= info.header_offset < path.stat().st_size:
        found = f"a start at {info.header_offset}"
        raise DataError(path, field=field, found=found, expected="a place inside the file")
    with open(path, "rb") as file:
        file.seek(info.header_offset)
        head = file.read(_LOCAL_HEADER.size)
        whole = len(head) == _LOCAL_HEADER.size
        signature, name_bytes, extra_bytes = _LOCAL_HEADER.unpack(head) if whole else (b"", 0, 0)
        name = file.read(name_bytes)
        file.seek(extra_bytes, 1)
        data = file.read(info.file_size)
    named = info.orig_filename.encode("utf-8" if info.flag_bits & _UTF8 else "cp437", "replace")
    if (
        signature != b"PK\x03\x04"
        or name != named
        or len(data) != info.file_size
        or zlib.crc32(data) != info.CRC
    ):
        found = f"{len(data)} of {info.file_size} bytes, or other ones than were written"
        raise DataError(
            path, field=field, found=found, expected="a whole member", hint="Fetch the file again."
        )
    return data
