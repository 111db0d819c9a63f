"""The same drives scored by NAVSIM itself, out of an export, and by us, out of what was exported.

Needs NAVSIM 2.2 (commit 0a380a9) and nuplan-devkit (e924167) on the path, unpacked and not installed, since their own
requirements pin old releases; Python 3.11; and, beside the extra ``test``: geopandas, hydra-core, aioboto3, aiofiles,
opencv-python-headless, psutil, pyquaternion, rasterio and retry. Imported only where these are.
"""

import os
from pathlib import Path

import numpy as np

from simscale_gym.evaluation.navsim.view import navsim_view
from simscale_gym.metrics import COLUMNS, score, without_touching
from simscale_gym.scene import StateIndex
from simscale_gym.sim import plan_to_poses, track

SCORED = [code for code in COLUMNS if code != "ec"]


def plans(moments, present=0):
    """Plans ``[8, 3]`` of the constant-velocity agent that NAVSIM brings along, in the ego frame of the present."""
    at = moments.row(present)
    ahead = np.hypot(*moments.ego[at, [StateIndex.VX, StateIndex.VY]]) * 0.5 * np.arange(1, 9)
    return np.column_stack([ahead, np.zeros((8, 2))])


def our_scores(scene, moments, kept, present=0):
    """Subscores and total of both agents' plans among replayed traffic, by agent."""
    view = navsim_view(scene, moments, kept, present)
    replay, found = without_touching(view.situation, view.ego, scene.vehicle), {}
    for agent, poses in {"human": view.human, "constant velocity": plans(moments, present)}.items():
        plan = plan_to_poses(view.ego[:3], poses, 0.5)
        drives = track(view.ego, np.stack([view.reference, plan]), vehicle=scene.vehicle)
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
        from nuplan.common.maps.nuplan_map.nuplan_map import NuPlanMap
        from nuplan.planning.simulation.trajectory.trajectory_sampling import TrajectorySampling

        dataclasses.NUPLAN_MAPS_ROOT = os.environ["NUPLAN_MAPS_ROOT"]  # read when first imported
        get_maps_db.cache_clear()
        _remember_places(NuPlanMap)
        self.sampling = TrajectorySampling(num_poses=40, interval_length=0.1)
        self.root, self.name, self.maps = Path(root), name, os.environ["NUPLAN_MAPS_ROOT"]
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

    def two_stage(self, plans, caches=None):
        """What ``run_pdm_score`` makes of the plans of an export.

        Args:
            plans: A file of plans of the export.
            caches: Metric caches by token that are filled and taken from; None for none.

        Returns:
            Its rows by token, and the means of combined, first-stage and second-stage scores.
        """
        import pandas
        import yaml
        from navsim.common.enums import SceneFrameType
        from navsim.planning.script import run_pdm_score as script

        from simscale_gym.evaluation.navsim.planned_agent import PlannedAgent

        agent, caches = PlannedAgent(str(plans)), {} if caches is None else caches
        agent.initialize()
        rows = []
        for token in [*self.loader.tokens_stage_one, *self.loader.reactive_tokens_stage_two]:
            cache = caches.setdefault(token, None) or self.cache(token)
            caches[token] = cache
            rows.append(self._scored(cache, agent, token))
        path = self.root / "config/common/train_test_split" / f"{self.name}.yaml"
        told = yaml.safe_load(path.read_text())["reactive_all_mapping"]
        mapping = {(now, before): [tuple(pair) for pair in pairs] for now, before, pairs in told}
        table = script.create_scene_aggregators(mapping, pandas.concat(rows), self.sampling)
        table = script.compute_final_scores(table)
        means = script.calculate_individual_mapping_scores(table[["score", "token", "weight"]], mapping)
        assert set(table["frame_type"]) == {SceneFrameType.ORIGINAL, SceneFrameType.SYNTHETIC}
        return table.set_index("token").to_dict("index"), [float(mean["score"]) for mean in means]

    def _scored(self, cache, agent, token):
        """The row of a moment, as ``run_pdm_score`` makes it."""
        from navsim.evaluate.pdm_score import pdm_score
        from navsim.planning.simulation.planner.pdm_planner.scoring.pdm_scorer import (
            PDMScorer,
            PDMScorerConfig,
        )
        from navsim.planning.simulation.planner.pdm_planner.simulation.pdm_simulator import PDMSimulator
        from nuplan.common.actor_state.state_representation import StateSE2
        from nuplan.common.geometry.convert import relative_to_absolute_poses

        trajectory = agent.compute_trajectory(None, self.loader.get_scene_from_token(token))
        scorer = PDMScorer(
            self.sampling, PDMScorerConfig(**_settings("pdm_scoring/scorer/pdm_scorer.yaml")["config"])
        )
        row, states = pdm_score(
            cache, trajectory, self.sampling, PDMSimulator(self.sampling), scorer, self._traffic()
        )
        start, end = cache.ego_state.rear_axle, StateSE2(*trajectory.poses[-1])
        (there,) = relative_to_absolute_poses(start, [end])
        told = {
            "valid": True, "log_name": cache.log_name, "frame_type": cache.scene_type, "token": token,
            "start_time": cache.timepoint.time_s, "endpoint_x": there.x, "endpoint_y": there.y,
            "start_point_x": start.x, "start_point_y": start.y, "ego_simulated_states": [states],
        }  # fmt: skip
        return row.assign(**told)

    def _traffic(self):
        """NAVSIM's reactive traffic, with the settings that it brings along."""
        from navsim.planning.simulation.observation.navsim_idm_agents import NavsimIDMAgents
        from navsim.traffic_agents_policies.navsim_IDM_traffic_agents import NavsimIDMTrafficAgents

        told = _settings("common/traffic_agents_policy/navsim_IDM_traffic_agents.yaml")
        return NavsimIDMTrafficAgents(
            self.sampling, NavsimIDMAgents(**told["reactive"]["idm_agents_observation"])
        )

    @staticmethod
    def _columns():
        return [*(COLUMNS[code] for code in SCORED), "pdm_score"]


def _settings(path):
    """Settings that NAVSIM brings along, without what is for hydra alone."""
    import navsim.planning.script
    import yaml

    def plain(value):
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items() if not key.startswith("_")}
        return float(value) if isinstance(value, str) and "e-" in value else value

    (scripts,) = navsim.planning.script.__path__
    return plain(yaml.safe_load((Path(scripts) / "config" / path).read_text()))


def _remember_places(map_class):
    """Let a map answer the same question once: NAVSIM's traffic asks it about every parked car at every step."""
    for name in ("is_in_layer", "get_all_map_objects"):
        method = getattr(map_class, name)
        if not hasattr(method, "known"):
            setattr(map_class, name, _remembering(method))


def _remembering(method):
    def asked(self, point, layer):
        key = id(self), point.x, point.y, layer
        if key not in asked.known:
            asked.known[key] = method(self, point, layer)
        return asked.known[key]

    asked.known = {}
    return asked
