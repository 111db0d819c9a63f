from dataclasses import replace

import numpy as np
import pytest
from street import street_scene, street_shapes, turned

from simscale_gym.dressing.ground.heights import GroundHeights
from simscale_gym.dressing.ground.kerbs import HEIGHT
from simscale_gym.dressing.ground.terrain import Terrain


def test_who_walks_steps_onto_the_pavement_and_wheels_stay_on_the_road():
    heights = GroundHeights.of(Terrain.of(street_scene(), street_shapes()))
    points = turned([(-20.0, 0.0), (-20.0, 7.0), (-20.0, -7.0), (-20.0, -3.0)])
    road = heights.at(points, np.zeros(4, bool))
    assert heights.at(points, np.ones(4, bool)) - road == pytest.approx([0.0, HEIGHT, HEIGHT, 0.0], abs=1e-6)
    across = heights.at(turned(np.column_stack([np.full(80, -20.0), np.linspace(4.0, 6.0, 80)])), np.ones(80))
    assert np.abs(np.diff(across)).max() < 0.04  # feet do not jump


def test_heights_follow_the_path_of_the_ego():
    scene = street_scene()
    hilly = replace(scene, ego=replace(scene.ego, z=np.linspace(0.0, 3.0, len(scene.ego.z))))
    terrain = Terrain.of(hilly, street_shapes())
    found = GroundHeights.of(terrain).at(terrain.path, np.zeros(len(terrain.path), bool))
    assert found == pytest.approx(terrain.height(terrain.path), abs=0.05) and np.ptp(found) > 1.0
