"""What a drive is scored on, with nobody there yet: the map in layers, the centreline and the lanes of the route."""

from __future__ import annotations

from simscale_gym.metrics import Agents, MapLayers, Situation
from simscale_gym.metrics.area_index import AreaIndex
from simscale_gym.metrics.rings import Rings
from simscale_gym.scene import Lane, LightStatus, RoadMap, Scene, compiled, derived
from simscale_gym.scoring.route_ahead import RouteAhead, RouteSearch, route_ahead
from simscale_gym.sim import SimState


def segment_ground(scene: Scene, begin: SimState) -> Situation:
    """Map, centreline and route of a drive that begins at ``begin``, with nobody on it; kept by map and route.

    Where there is no lane to follow, the scene's own route path stands in.
    """
    ahead = route_ahead(scene, begin.ego, RouteSearch.off_route())
    return route_situation(map_layers(scene.map), ahead) if ahead is not None else _on_log(scene)


@derived
def route_situation(layers: MapLayers, ahead: RouteAhead) -> Situation:
    """The situation of ``ahead`` with nobody on it; what it works out of map and route serves all put there."""
    return Situation(layers, ahead.centerline, ahead.lane_ids, Agents.none())


@derived
def _on_log(scene: Scene) -> Situation:
    return Situation(map_layers(scene.map), scene.route_path, scene.route_lane_ids, Agents.none())


@derived
def map_layers(road_map: RoadMap) -> MapLayers:
    """The map for scoring, once a map: as NAVSIM's, and all that the simulator takes for road besides."""
    layers, polygons, index = _indexed_layers(road_map)
    vars(layers).update(polygons=polygons, index=index)  # its cached properties
    return layers


@compiled(MapLayers, Rings, AreaIndex)
def _indexed_layers(road_map: RoadMap) -> tuple[MapLayers, Rings, AreaIndex]:
    layers = _layers(road_map)
    return layers, layers.polygons, layers.index


def _layers(road_map: RoadMap) -> MapLayers:
    """Many a map has lanes without roadblocks or intersections that cover them."""
    layers = MapLayers.from_road_map(road_map, generic_drivable=True)
    lanes = [lane for lane in road_map.lanes.values() if not _is_covered(road_map, lane)]
    return MapLayers(
        (*layers.rings, *(lane.polygon for lane in lanes)),
        (*layers.layers, *("DRIVABLE_AREA" for _ in lanes)),
        (*layers.tokens, *(f"lane {lane.id}" for lane in lanes)),
    )


def _is_covered(road_map: RoadMap, lane: Lane) -> bool:
    if lane.connector:
        return lane.intersection_id in road_map.intersections
    return lane.roadblock_id in road_map.roadblocks


def closed_lanes(scene: Scene, route: tuple[str, ...], frame: int, steps: int) -> list[tuple[str, ...]]:
    """The lanes of ``route`` that red lights close at each of ``steps`` frames from ``frame`` on.

    Past the log's end the lights stay as they were.
    """
    closed = _closed_by_frame(scene, route)
    return [closed[min(at, len(closed) - 1)] for at in range(frame, frame + steps)]


@derived
def _closed_by_frame(scene: Scene, route: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """Lanes of the route whose light is red, at each frame of the log."""
    lights = scene.lights
    if not lights.lane_ids:
        return ((),) * scene.num_frames
    allowed = {lane for lane in route if lane in scene.map.lanes}
    known = [(row, lane) for row, lane in enumerate(lights.lane_ids) if lane in allowed]
    red = (lights.status == LightStatus.RED).T
    return tuple(tuple(lane for row, lane in known if now[row]) for now in red.tolist())
