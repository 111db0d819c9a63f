"""Zip archives of raw arrays: members are stored as they are, so a claim can be held against the file's size."""

from __future__ import annotations

import zipfile
from pathlib import Path

from simscale_gym.errors import DataError

BROKEN_ARCHIVE = (
    zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, RuntimeError, OSError, OverflowError,
)  # fmt: skip
"""What a damaged archive makes `zipfile` raise: it seeks, decodes, checks sums, and knows no encryption."""


def check_stored(path: Path, info: zipfile.ZipInfo, field: str) -> None:
    """Refuses a member that is compressed or claims more bytes than its file has; reading would make room for it."""
    size = path.stat().st_size
    if (
        info.compress_type != zipfile.ZIP_STORED
        or info.file_size != info.compress_size
        or info.file_size > size
    ):
        raise DataError(
            path,
            field=field,
            found=f"{info.file_size} bytes, compression {info.compress_type}, in a file of {size} bytes",
            expected="a member that is stored uncompressed",
        )
