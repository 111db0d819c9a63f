"""Scenes out of the pickles of NAVSIM's two kinds."""

from __future__ import annotations

import difflib
from pathlib import Path

import numpy as np

from simscale_gym.errors import SceneError
from simscale_gym.geometry import se3
from simscale_gym.scene import Scene
from simscale_gym.sources.navsim.clip import build_scene, place_of
from simscale_gym.sources.navsim.log_file import drive_of, lidar_turn, pieces_of, read_frames, read_piece
from simscale_gym.sources.navsim.second_stage import read_second_stage


def load_log_scene(file: Path, maps: Path, name: str, scene_id: str) -> Scene:
    """The piece ``name`` of a log.

    Raises:
        DataError: The log or its map cannot be used.
        SceneError: The log has no such piece.
    """
    piece = next((piece for piece in pieces_of(file) if piece.name == name), None)
    if piece is None:
        near = difflib.get_close_matches(name, [piece.name for piece in pieces_of(file)], 3, 0.0)
        raise SceneError(f"{file} has no scene {name!r}; nearest: {', '.join(near)}.")
    keyframes = read_piece(file, piece)
    place = place_of(file, keyframes.location, maps, drive_of(file), "map_location")
    first = read_frames(file)[piece.start]
    shift = (
        first.array("lidar2ego_translation", (3,), finite=True)
        if first.has("lidar2ego_translation")
        else np.zeros(3)
    )
    return build_scene(keyframes, place, (scene_id, keyframes.log), se3.rigid(lidar_turn(first), shift))


def load_second_stage(file: Path, maps: Path, scene_id: str) -> Scene:
    """The scene of a pickle of the second stage.

    Raises:
        DataError: The pickle or its map cannot be used.
    """
    keyframes = read_second_stage(file)
    place = place_of(file, keyframes.location, maps, keyframes.places, "scene_metadata.map_name")
    return build_scene(keyframes, place, (scene_id, keyframes.log), np.eye(4))
