"""Which pickles are NAVSIM's, told by how they begin, without loading any."""

from __future__ import annotations

import pickletools
from pathlib import Path

_HEAD = 1 << 16  # bytes that are looked at
_OPENING = ("PROTO", "FRAME", "MARK", "MEMOIZE", "PUT", "BINPUT")
_LIST = ("LIST", "EMPTY_LIST")

LOG, SECOND_STAGE = "log", "second stage"
"""A list of frames, and a dictionary with ``scene_metadata``."""

_SIGN = "scene_metadata"


def pickle_kind(path: Path) -> str:
    """:data:`LOG`, :data:`SECOND_STAGE`, or "" for everything else; never raises.

    Other formats keep their scenes in dictionaries, so a list is taken for a log whatever is in it: its reader says
    what is wrong.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return ""
    outer = ""
    try:
        for opcode, argument, _ in pickletools.genops(head):
            if not outer and opcode.name not in _OPENING:
                outer = opcode.name
                if outer in _LIST:
                    return LOG
            if argument == _SIGN:
                return SECOND_STAGE
    except (ValueError, UnicodeDecodeError, IndexError):
        pass  # cut off by the end of the head, or no pickle
    return ""
