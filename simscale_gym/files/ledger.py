"""A file to which many processes append entries, a line each: what is torn or not ours is passed over."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_MOST = 1 << 20  # bytes that are read


@dataclass(frozen=True)
class Ledger:
    """Entries of plain JSON in the order in which they came. Two processes may both have added the same.

    Attributes:
        path: Made, with its folder, by the first entry.
    """

    path: Path

    def entries(self) -> list[Any]:
        """All that was added and arrived whole; none where nothing can be read."""
        try:
            with open(self.path, "rb") as file:
                lines = file.read(_MOST).split(b"\n")
        except OSError:
            return []
        parts = (line.split(b" ", 1) for line in lines)
        return [json.loads(part[1]) for part in parts if len(part) == 2 and part[0] == self._seal(part[1])]

    def add(self, entry: Any) -> None:
        """Append ``entry``; nothing happens where the folder cannot be written."""
        text = json.dumps(entry, separators=(",", ":")).encode()
        # one write, so that processes do not mix; it begins with the line's end, so that it outlives a torn one
        line = b"\n" + self._seal(text) + b" " + text
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(self.path, "ab", buffering=0) as file:
                file.write(line)
        except OSError:
            pass  # read-only, or full: what was written of it has no seal

    def _seal(self, text: bytes) -> bytes:
        """Checksum of an entry, another one in each file."""
        return hashlib.sha256(self.path.name.encode() + b" " + text).hexdigest()[:16].encode()
