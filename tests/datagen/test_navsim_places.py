"""Maps of several logs lie side by side on one, renumbered and nowhere else than their logs."""

from dataclasses import replace

import numpy as np
import pytest

from simscale_gym.datagen.navsim import places
from simscale_gym.datagen.navsim.places import SharedMap, own_place
from simscale_gym.datagen.navsim.shared_map import as_nuplan, bounds
from simscale_gym.scene import RoadMap
from simscale_gym.sources.nuplan.map_reader import crop_map, read_map
from simscale_gym.sources.nuplan.schema import LOCATIONS


@pytest.fixture(scope="module")
def town_maps(town_log):
    """One map twice, as if of two logs."""
    return {"first": town_log[2].map, "second": town_log[2].map}


@pytest.fixture(scope="module")
def shared(town_maps, tmp_path_factory):
    """Places of both, and the map around the second."""
    folder, lying = tmp_path_factory.mktemp("shared") / "maps", SharedMap()
    for name, road in town_maps.items():
        lying.add(name, road)
    return folder, lying.write(folder)


def read_back(folder, road, place):
    """The shared map around a log, in the frame of its scene."""
    file = folder / places.BORROWED / LOCATIONS[places.BORROWED].version / "map.gpkg"
    path = np.concatenate([lane.centerline[:, :2] for lane in road.lanes.values()]) + place.origin[:2]
    return crop_map(read_map(file, places.BORROWED), path, place.origin)


@pytest.mark.parametrize("name", ["first", "second"])
def test_a_map_comes_back_as_it_was(shared, town_maps, name):
    folder, there = shared
    place, expected = there[name], as_nuplan(town_maps[name])
    found = read_back(folder, expected, place)
    assert len(found.lanes) == len(expected.lanes) and len(found.roadblocks) == len(expected.roadblocks)
    for lane in expected.lanes.values():
        twin = found.lanes[str(place.lanes[lane.id])]
        np.testing.assert_allclose(twin.centerline[:, :2], lane.centerline[:, :2], atol=1e-6)
        np.testing.assert_allclose(twin.polygon, lane.polygon, atol=1e-6)
        assert twin.roadblock_id == str(place.roadblocks[lane.roadblock_id])
        after = {str(place.lanes[i]) for i in lane.successors if i in place.lanes}
        assert set(twin.successors) == after and twin.speed_limit == lane.speed_limit
    assert len(found.carparks) == len(expected.carparks) > len(town_maps[name].carparks)


def test_nothing_has_one_number_or_one_place(shared, town_maps):
    first, second = shared[1].values()
    assert not set(first.lanes.values()) & set(second.lanes.values())
    assert not set(first.roadblocks.values()) & set(second.roadblocks.values())
    low, high = bounds(as_nuplan(town_maps["first"]))
    assert (second.origin[0] - first.origin[0]) > (high - low)[0] + 400.0
    assert (first.origin == np.round(first.origin)).all()


def test_rows_end_where_the_projection_does(town_maps, monkeypatch):
    monkeypatch.setattr(places, "_EAST_END", 204_000.0)
    lying = SharedMap()
    for k in range(8):
        lying.add(f"log{k}", town_maps["first"])
    corners = np.array([by + bounds(road)[0] for road, by in lying._maps.values()])
    assert corners[:, 0].max() < 204_000.0 and len(np.unique(corners[:, 1])) > 1
    assert len({tuple(np.round(corner)) for corner in corners}) == 8


def test_a_map_that_is_there_stays(shared, town_maps):
    folder, there = shared
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.gpkg")}
    again = SharedMap()
    for name, road in town_maps.items():
        again.add(name, road)
    assert again.write(folder)["second"].lanes == there["second"].lanes
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.gpkg")} == before and len(before) == 4


def test_maps_that_nuplans_format_cannot_say_are_left_out(town_log, tmp_path):
    road = town_log[2].map
    plain, joint = (
        next(x for x in as_nuplan(road).lanes.values() if x.connector == c) for c in (False, True)
    )
    forked = replace(joint, successors=(*joint.successors, plain.id))
    direct = replace(plain, successors=(plain.id,))
    lying = SharedMap()
    for changed, why in ((forked, "connectors of more than two lanes"), (direct, "lanes that follow lanes")):
        assert why in lying.add("x", replace(road, lanes={**road.lanes, changed.id: changed}))
    assert "no lanes with roadblocks" in lying.add("x", RoadMap("empty", {}))
    assert lying.write(tmp_path / "maps") == {} and not (tmp_path / "maps").exists()


def test_logs_of_nuplan_stay_on_their_own_map(town_log):
    scene = town_log[2]
    place = own_place(scene)
    assert place.location == scene.map.name and (place.origin == scene.origin).all()
    assert place.blocks(scene.route) == list(scene.route) and place.blocks(("nowhere",)) == []
    lane = next(iter(scene.map.lanes))
    assert place.lanes[lane] == int(lane)
