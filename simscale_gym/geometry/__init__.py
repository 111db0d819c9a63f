"""Planes, poses, lines, boxes and polygons: arrays only, nothing of driving."""
