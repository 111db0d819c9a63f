"""Finished looks: packed, kept on disk, developed into pictures."""
