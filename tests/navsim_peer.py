"""The same drives scored by NAVSIM itself, out of an export, and by us, out of the data set that was exported.

Needs NAVSIM and nuplan-devkit on the path (Python 3.11, SQLAlchemy 1.4); imported only where these are.
"""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from simscale_gym.agents.pdm.closed import plan
from simscale_gym.agents.pdm.route import find_route
from simscale_gym.datagen.navsim.shared_map import as_nuplan
from simscale_gym.geometry import polyline, se2
from simscale_gym.metrics import (
    COLUMNS,
    Agents,
    MapLayers,
    Situation,
    interpolate_history,
    score,
    without_touching,
)
from simscale_gym.scene import LightStatus, StateIndex
from simscale_gym.sim import plan_to_poses, track

SCORED = [code for code in COLUMNS if code != "ec"]
_TIMES = np.arange(41) * 0.1
_TOUCHED = [StateIndex.VX, StateIndex.VY, StateIndex.AX, StateIndex.AY]


def nuplan_map(scene):
    """The map of a scene as it was exported; nuPlan's vertices head for the next one."""
    road = as_nuplan(scene.map) if scene.source not in ("nuplan", "navsim") else scene.map

    def heading(lane):
        points = lane.centerline[:, :2]
        return replace(lane, centerline=np.column_stack([points, polyline.headings(points)]))

    return replace(road, lanes={i: heading(lane) for i, lane in road.lanes.items()})


def plans(moments, present=0):
    """Plans ``[8, 3]`` of the two agents that NAVSIM brings along, in the ego frame of the present."""
    at = moments.row(present)
    human = se2.poses_to_local(moments.ego[at, :3], moments.ego[at + 1 : at + 9, :3])
    ahead = np.hypot(*moments.ego[at, [StateIndex.VX, StateIndex.VY]]) * 0.5 * np.arange(1, 9)
    return {"human": human, "constant velocity": np.column_stack([ahead, np.zeros((8, 2))])}


def known_states(moments, steps):
    """Ego states ``[K, 11]`` as NAVSIM knows them: no steering, no yaw rate, velocities in single precision."""
    states = np.zeros((len(steps), moments.ego.shape[1]))
    rows = [moments.row(step) for step in steps]
    states[:, :3] = moments.ego[rows, :3]
    states[:, _TOUCHED] = moments.ego[rows][:, _TOUCHED].astype(np.float32)
    return states


def our_situation(scene, road, moments, kept, present=0):
    """The situation that NAVSIM's metric cache keeps: tracks at 10 Hz between the moments, lights for 0.5 s each."""
    ego, at = known_states(moments, [present])[0], moments.row(present)
    route = find_route(road, scene.route, ego)
    window = slice(at, at + 9)
    rows = np.flatnonzero(kept[:, window].any(1))
    poses = se2.poses_to_world(moments.present, moments.poses[rows, window])
    velocities = se2.points_to_world(np.array([0, 0, moments.present[2]]), moments.velocities[rows, window])
    seen = kept[rows, window]
    states, valid = np.zeros((len(rows), 41, 5)), np.zeros((len(rows), 41), bool)
    for n, there in enumerate(seen):
        times = np.flatnonzero(there) * 0.5
        valid[n] = (times[0] - 1e-9 <= _TIMES) & (times[-1] + 1e-9 >= _TIMES)
        known = np.column_stack([poses[n, there], velocities[n, there]])
        known[:, 2] = np.unwrap(known[:, 2])
        states[n] = np.stack([np.interp(_TIMES, times, column) for column in known.T], -1)
    sizes = np.broadcast_to(moments.sizes[rows, None, :2], (len(rows), 41, 2))
    agents = Agents(
        tuple(moments.ids[rows].tolist()), moments.types[rows], np.concatenate([states[..., :3], sizes], -1),
        states[..., 3:], valid,
    )  # fmt: skip
    red = [
        tuple(moments.light_lanes[moments.lights[:, at + k] == LightStatus.RED].tolist()) for k in range(9)
    ]
    steps = np.arange(-3, 1) + present
    return Situation(
        map=MapLayers.from_road_map(road),
        centerline=route.ahead.centerline,
        route_lane_ids=route.ahead.lane_ids,
        agents=agents,
        red_lights=[red[k // 5] for k in range(41)],
        history=interpolate_history(steps * 0.5, known_states(moments, steps)),
    )


def our_reference(scene, road, moments, kept, situation, present=0):
    """PDM-Closed's poses ``[41, 3]``."""
    ego, at = known_states(moments, [present])[0], moments.row(present)
    rows = np.flatnonzero(kept[:, at])
    boxes = se2.poses_to_world(moments.present, moments.poses[rows, at])
    velocities = se2.points_to_world(np.array([0, 0, moments.present[2]]), moments.velocities[rows, at])
    route = find_route(road, scene.route, ego)
    planned = plan(
        situation.map, route, ego, np.hstack([boxes, moments.sizes[rows, :2]]), velocities, moments.types[rows],
        red_lights=situation.red_lights[0],
    )  # fmt: skip
    return planned.poses[:41]


def our_scores(scene, moments, kept, present=0):
    """Subscores and total of both agents' plans, by agent."""
    ego = known_states(moments, [present])[0]
    road = nuplan_map(scene)
    situation = our_situation(scene, road, moments, kept, present)
    reference = our_reference(scene, road, moments, kept, situation, present)
    replay, found = without_touching(situation, ego, scene.vehicle), {}
    for agent, poses in plans(moments, present).items():
        drives = track(ego, np.stack([reference, plan_to_poses(ego[:3], poses, 0.5)]), vehicle=scene.vehicle)
        scores = score(replay, drives, vehicle=scene.vehicle).take([1])
        found[agent] = {COLUMNS[code]: float(getattr(scores, code)[0]) for code in SCORED} | {
            "pdm_score": float(scores.total[0])
        }
    return found


class Navsim:
    """NAVSIM's own loader, metric cache and scorer on an export.

    Args:
        root: Folder of the export.
        name: One of its sets.
        synthetic: Whether it has a second stage.
    """

    def __init__(self, root, name, *, synthetic=False, maps=None):
        os.environ["NUPLAN_MAPS_ROOT"] = str(maps or Path(root) / "maps")
        import navsim.common.dataclasses as dataclasses
        import yaml
        from navsim.common.dataloader import SceneLoader
        from navsim.planning.metric_caching.metric_cache_processor import MetricCacheProcessor
        from nuplan.common.maps.nuplan_map.map_factory import get_maps_db
        from nuplan.planning.simulation.trajectory.trajectory_sampling import TrajectorySampling

        dataclasses.NUPLAN_MAPS_ROOT = os.environ["NUPLAN_MAPS_ROOT"]  # read when first imported
        get_maps_db.cache_clear()
        self.sampling = TrajectorySampling(num_poses=40, interval_length=0.1)
        self.root, self.maps = Path(root), os.environ["NUPLAN_MAPS_ROOT"]
        path = self.root / "config/common/train_test_split/scene_filter" / f"{name}.yaml"
        told = {k: v for k, v in yaml.safe_load(path.read_text()).items() if not k.startswith("_")}
        self.loader = SceneLoader(
            data_path=self.root / "navsim_logs" / name,
            original_sensor_path=self.root / "sensor_blobs" / name,
            scene_filter=dataclasses.SceneFilter(**told),
            synthetic_sensor_path=self.root / "navhard_two_stage" / "sensor_blobs",
            synthetic_scenes_path=self.root / "navhard_two_stage" / "synthetic_scene_pickles" if synthetic else None,
            sensor_config=dataclasses.SensorConfig.build_no_sensors(),
        )  # fmt: skip
        self.processor = MetricCacheProcessor(None, True, self.sampling)

    def cache(self, token):
        """The metric cache of a scene."""
        from navsim.planning.scenario_builder.navsim_scenario import NavSimScenario

        scene = self.loader.get_scene_from_token(token)
        return self.processor.compute_metric_cache(NavSimScenario(scene, self.maps, "nuplan-maps-v1.0"))

    def scores(self, token, cache):
        """Subscores and total of the human (where there is one) and the constant-velocity agent, unfiltered."""
        from navsim.agents.constant_velocity_agent import ConstantVelocityAgent
        from navsim.agents.human_agent import HumanAgent
        from navsim.evaluate.pdm_score import pdm_score
        from navsim.planning.simulation.planner.pdm_planner.scoring.pdm_scorer import (
            PDMScorer,
            PDMScorerConfig,
        )
        from navsim.planning.simulation.planner.pdm_planner.simulation.pdm_simulator import PDMSimulator
        from navsim.traffic_agents_policies.log_replay_traffic_agents import LogReplayTrafficAgents

        scene, found = self.loader.get_scene_from_token(token), {}
        agents = {"human": HumanAgent(), "constant velocity": ConstantVelocityAgent()}
        for name, agent in agents.items():
            told = (self.loader.get_agent_input_from_token(token), *([scene] if agent.requires_scene else []))
            if agent.requires_scene and cache.human_trajectory is None:
                continue
            config = PDMScorerConfig(human_penalty_filter=False)
            result, _ = pdm_score(
                cache, agent.compute_trajectory(*told), self.sampling, PDMSimulator(self.sampling),
                PDMScorer(self.sampling, config), LogReplayTrafficAgents(self.sampling),
            )  # fmt: skip
            found[name] = {column: float(result[column].iloc[0]) for column in self._columns()}
        return found

    @staticmethod
    def _columns():
        return [*(COLUMNS[code] for code in SCORED), "pdm_score"]
