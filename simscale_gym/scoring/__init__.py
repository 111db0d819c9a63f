"""Drives and segments of them, scored."""
