"""Tables and layers of nuPlan v1.1 to the column: what the writers write and the readers ask for."""

from __future__ import annotations

from dataclasses import dataclass

_TOKEN = "BLOB NOT NULL PRIMARY KEY"
_POINTS = {name: "FLOAT" for name in ("x", "y", "z")}

LOG_TABLES: dict[str, dict[str, str]] = {
    "log": {
        "token": _TOKEN, "vehicle_name": "VARCHAR(64)", "date": "VARCHAR(64)", "timestamp": "INTEGER",
        "logfile": "VARCHAR(64)", "location": "VARCHAR(64)", "map_version": "VARCHAR(64)",
    },
    "ego_pose": {
        "token": _TOKEN, "timestamp": "INTEGER", **_POINTS,
        **{name: "FLOAT" for name in ("qw", "qx", "qy", "qz", "vx", "vy", "vz")},
        **{f"acceleration_{axis}": "FLOAT" for axis in "xyz"},
        **{f"angular_rate_{axis}": "FLOAT" for axis in "xyz"},
        "epsg": "INTEGER", "log_token": "BLOB NOT NULL",
    },
    "lidar": {
        "token": _TOKEN, "log_token": "BLOB NOT NULL", "channel": "VARCHAR(64)", "model": "VARCHAR(64)",
        "translation": "BLOB", "rotation": "BLOB",
    },
    "lidar_pc": {
        "token": _TOKEN, "next_token": "BLOB", "prev_token": "BLOB", "ego_pose_token": "BLOB NOT NULL",
        "lidar_token": "BLOB NOT NULL", "scene_token": "BLOB", "filename": "VARCHAR(128)", "timestamp": "INTEGER",
    },
    "camera": {
        "token": _TOKEN, "log_token": "BLOB NOT NULL", "channel": "VARCHAR(64)", "model": "VARCHAR(64)",
        "translation": "BLOB", "rotation": "BLOB", "intrinsic": "BLOB", "distortion": "BLOB", "width": "INTEGER",
        "height": "INTEGER",
    },
    "image": {
        "token": _TOKEN, "next_token": "BLOB", "prev_token": "BLOB", "ego_pose_token": "BLOB NOT NULL",
        "camera_token": "BLOB NOT NULL", "filename_jpg": "VARCHAR(128)", "timestamp": "INTEGER",
    },
    "category": {"token": _TOKEN, "name": "VARCHAR(64)", "description": "TEXT"},
    "track": {
        "token": _TOKEN, "category_token": "BLOB NOT NULL", "width": "FLOAT", "length": "FLOAT", "height": "FLOAT",
    },
    "lidar_box": {
        "token": _TOKEN, "lidar_pc_token": "BLOB NOT NULL", "track_token": "BLOB", "next_token": "BLOB",
        "prev_token": "BLOB", **_POINTS,
        **{name: "FLOAT" for name in ("width", "length", "height", "vx", "vy", "vz", "yaw", "confidence")},
    },
    "scene": {
        "token": _TOKEN, "log_token": "BLOB NOT NULL", "name": "TEXT", "goal_ego_pose_token": "BLOB",
        "roadblock_ids": "TEXT",
    },
    "scenario_tag": {
        "token": _TOKEN, "lidar_pc_token": "BLOB NOT NULL", "type": "TEXT", "agent_track_token": "BLOB",
    },
    "traffic_light_status": {
        "token": _TOKEN, "lidar_pc_token": "BLOB NOT NULL", "lane_connector_id": "INTEGER", "status": "VARCHAR(8)",
    },
}  # fmt: skip

CATEGORIES = {
    "vehicle": "Car, van, truck, bus or trailer",
    "bicycle": "Cyclist or motorcyclist with the vehicle",
    "pedestrian": "Person on foot, with a pram or in a wheelchair",
    "traffic_cone": "Cone",
    "barrier": "Barrier, temporary or fixed",
    "czone_sign": "Sign of a construction zone",
    "generic_object": "Anything else that stands or lies in the way",
}
"""Category names in the order of :class:`simscale_gym.scene.TrackType`, with our description of each."""

LIGHT_NAMES = ("green", "yellow", "red", "unknown")
"""Status names in the order of :class:`simscale_gym.scene.LightStatus`."""

LIDAR_CHANNEL = "MergedPointCloud"


@dataclass(frozen=True)
class Location:
    """One of nuPlan's four places.

    Attributes:
        version: Version of its map, a folder name.
        epsg: Projected coordinate system (UTM zone) of map and poses.
        city: Name of the city, as in ``log.location``.
    """

    version: str
    epsg: int
    city: str


LOCATIONS = {
    "sg-one-north": Location("9.17.1964", 32648, "singapore"),
    "us-ma-boston": Location("9.12.1817", 32619, "boston"),
    "us-nv-las-vegas-strip": Location("9.15.1915", 32611, "las_vegas"),
    "us-pa-pittsburgh-hazelwood": Location("9.17.1937", 32617, "pittsburgh"),
}


@dataclass(frozen=True)
class LayerSchema:
    """Geometry type and columns beside ``fid`` and ``geom``."""

    geometry: str
    columns: dict[str, str]


def _layer(geometry: str, **columns: str) -> LayerSchema:
    return LayerSchema(geometry, columns)


_EDGES = {"from_edge_fid": "INTEGER", "to_edge_fid": "INTEGER"}
_SIDES = {"left_boundary_fid": "INTEGER", "right_boundary_fid": "INTEGER"}
_REFLECTORS = {"left_has_reflectors": "BOOLEAN", "right_has_reflectors": "BOOLEAN"}

MAP_LAYERS: dict[str, LayerSchema] = {
    "lanes_polygons": _layer(
        "POLYGON", lane_group_fid="INTEGER", lane_fid="INTEGER", lane_index="MEDIUMINT", creator_id="TEXT",
        name="TEXT", road_type_fid="INTEGER", lane_type_fid="INTEGER", width="REAL", left_offset="REAL",
        right_offset="REAL", min_speed="REAL", max_speed="REAL", stops="TEXT", speed_limit_mps="REAL",
        **_SIDES, **_REFLECTORS, **_EDGES,
    ),
    "lane_connectors": _layer(
        "LINESTRING", exit_lane_group_fid="INTEGER", exit_lane_fid="INTEGER", entry_lane_group_fid="INTEGER",
        entry_lane_fid="INTEGER", lane_group_connector_fid="INTEGER", intersection_fid="INTEGER",
        turn_type_fid="INTEGER", bulb_fids="TEXT", traffic_light_stop_line_fids="TEXT", overlap="INTEGER",
        creator_id="TEXT", reflector_side_fid="INTEGER", speed_limit_mps="REAL", **_REFLECTORS,
    ),
    "gen_lane_connectors_scaled_width_polygons": _layer(
        "POLYGON", baseline_path_fid="INTEGER", lane_connector_fid="INTEGER", **_EDGES, **_SIDES
    ),
    "baseline_paths": _layer(
        "LINESTRING", path_type_fid="INTEGER", creator_id="TEXT", lane_fid="INTEGER", lane_connector_fid="INTEGER",
        dubins_node_fids="TEXT",
    ),
    "boundaries": _layer(
        "LINESTRING", boundary_segment_fids="TEXT", has_reflectors="BOOLEAN", boundary_type_fid="INTEGER",
        creator_id="TEXT",
    ),
    "lane_groups_polygons": _layer("POLYGON", creator_id="TEXT", **_SIDES, **_EDGES),
    "lane_group_connectors": _layer(
        "POLYGON", intersection_fid="INTEGER", from_lane_group_fid="INTEGER", to_lane_group_fid="INTEGER",
        creator_id="TEXT", **_EDGES, **_SIDES,
    ),
    "intersections": _layer("POLYGON", creator_id="TEXT", intersection_type_fid="INTEGER", is_mini="BOOLEAN"),
    "road_segments": _layer("POLYGON", lane_group_fids="TEXT"),
    "stop_polygons": _layer(
        "POLYGON", stop_polygon_type_fid="INTEGER", lane_group_fid="INTEGER", lane_fids="TEXT",
        lane_connector_fids="TEXT", traffic_light_fids="TEXT", crosswalk_fids="TEXT", precedence_area_fids="TEXT",
        creator_id="TEXT",
    ),
    "crosswalks": _layer(
        "POLYGON", intersection_fids="TEXT", lane_fids="TEXT", creator_id="TEXT", is_marked="BOOLEAN"
    ),
    "carpark_areas": _layer("POLYGON", heading="REAL", creator_id="TEXT"),
    "generic_drivable_areas": _layer("POLYGON", creator_id="TEXT"),
    "walkways": _layer("POLYGON", creator_id="TEXT"),
    "traffic_lights": _layer("POINT", ori_mean_yaw="REAL", creator_id="TEXT"),
    "dubins_nodes": _layer("POINT", radius="REAL", heading="REAL", creator_id="TEXT"),
}  # fmt: skip
