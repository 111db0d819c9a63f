"""The environment: one scene at a time, driven in closed loop."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.agent import dense_plan
from simscale_gym.agents.expert import ExpertPlan
from simscale_gym.envs import arguments, episode
from simscale_gym.envs.action_repeat import repeated
from simscale_gym.envs.actions import ActionType, apply
from simscale_gym.envs.anchors import make_action_type
from simscale_gym.envs.drive import Drive
from simscale_gym.envs.filming import film_of
from simscale_gym.envs.history import History
from simscale_gym.envs.info import expert_info, seen_truncation, state_info
from simscale_gym.envs.resources import Resources
from simscale_gym.envs.rewards import EpdmsRewardConfig, RewardConfig
from simscale_gym.envs.screen import Screen
from simscale_gym.envs.sensors import Sensors
from simscale_gym.envs.snapshot import Snapshot, generator_at
from simscale_gym.envs.starts import Starts
from simscale_gym.envs.warm_up import compile_ahead
from simscale_gym.errors import ArgumentError
from simscale_gym.perturbation import PerturbConfig
from simscale_gym.scene import DT, Scene
from simscale_gym.sim import SimState, TrafficModel
from simscale_gym.splats.camera_effects import CameraEffects
from simscale_gym.splats.depth_sweep import LidarConfig
from simscale_gym.splats.render_validity import LEAST_SCORE

if TYPE_CHECKING:
    from simscale_gym.viewer import Film


class SimScaleEnv(gym.Env[dict[str, NDArray], NDArray]):
    """Drive a recorded scene in closed loop: reactive traffic, rendered cameras, an expert's advice.

    ## Observation
    A flat dictionary:

    | key | space | meaning |
    |---|---|---|
    | `ego` | float32 `[6]` | vx, vy [m/s], ax, ay [m/s^2], yaw rate [rad/s], steering angle [rad] |
    | `command` | float32 `[4]` | one-hot: left, straight, right, unknown |
    | `cam_f0` ... | uint8 `[H, W, 3]` | one entry per name in `cameras` (observation `"camera"`) |
    | `state` | float32 `[307]` | way, ego, lights, road edge, tracks; of order 1 (observation `"state"`) |
    | `lidar` | float32 `[channels, azimuths]` | ranges [m], 0 = no return (observation `"lidar"`) |

    `simscale_gym.envs.STATE_LAYOUT` names the parts of `state`, their columns, units, scales and bounds, and splits it.

    ## Action
    `"control"`: `Box(-1, 1, [2])`, acceleration (1 = 4 m/s^2) and steering rate (1 = 1 rad/s, left +) for one step of
    0.1 s. `"curvature"`: `Box(-1, 1, [2])`, acceleration and lateral acceleration (1 = 4 m/s^2, left +) for as long: a
    curvature at the present speed, towards which the wheels turn (`CurvatureAction`). `"trajectory"`: `Box([8, 3])`, x,
    y [m], heading [rad] at 0.5 .. 4.0 s in the ego frame, tracked by an LQR controller for one planning period of 0.5
    s: poses beyond the space are clipped, and the vehicle keeps to 8 m/s^2, 1 rad/s of steering and forward speeds up
    to 60 m/s, whatever the plan asks for. `"anchor"`: `Discrete(K)`, the number of a trajectory in a vocabulary (see
    `anchors`), tracked likewise.

    ## Reward
    The sum of `info["rewards"]`. `"driving"`: weighted terms named as in `RewardConfig`. `"epdms"`: what the step
    changed of `info["epdms"]["score"]`, split by subscore (`EpdmsRewardConfig`); over an episode it adds up to the
    final score.

    ## End
    `terminated`: at-fault collision, leaving the road, goal (where the log ended, if that is 10 m ahead or more).
    `truncated`: after `horizon` seconds ("horizon"), when the log's clip ends ("log_end"), or when what the cameras
    see is no longer what was recorded ("out_of_reconstruction", see `min_render_quality`).

    ## Info
    The same keys and types at every step and reset of an environment: `scene`, `time_us`, `ego_state` (`[11]`,
    columns in `simscale_gym.scene.StateIndex`), `rewards`,
    `epdms` (NAVSIM's columns and `score`, of what was driven since the reset, among the others as they really
    moved; after the reset, of its one state), `controllers` (uint8 `[N]`: for each track, in the order of
    `env.unwrapped.scene.tracks.ids`, a `simscale_gym.sim.Controller`), `expert` (by name: `trajectory` `[8, 3]` in the
    ego frame, `action`, `scores`, `valid`), with any expert `expert_action` (of the first valid one; of the first where
    none is valid), `reset` (`perturbed`, `attempts`, `rejections`: a count for each of
    `simscale_gym.perturbation.REJECTIONS`), `arrive_dest`, `out_of_road`, `left_road`, `crash_vehicle`,
    `crash_pedestrian`, `crash_object` (contacts during the step, at fault or not), `at_fault`, `route_completion`,
    `truncation`, `inferred`, `state_hash`, `skipped_scenes` (how many cannot be used so far, see `unusable`). After a
    reset `rewards` holds zeros, and `truncation` is empty unless the pictures cannot be trusted. With observation
    `"camera"` also `render_quality` (score 0 .. 1 by camera and the least as `score`, see `RenderQuality`),
    `dropped_frames` (by camera, whether it shows an older picture, see `CameraEffects`) and `picture_source` ("render",
    or "log" where the pictures were recorded).

    One judgement stands behind `info`, reward, end and `epdms`. `at_fault`: a contact that began in this step is the
    ego's fault, which lowers `no_at_fault_collisions` there and nowhere else; as in NAVSIM nobody is judged twice, and
    whom the ego touches at the start is left out where the traffic does not react ("log", "constant_velocity").
    `out_of_road`: a corner was off the drivable area, which is what `drivable_area_compliance` counts. `left_road`: so
    it was after it had been on the road 0.1 s before; a drive that begins beside the road goes on. Where the frame is
    not given, those come first at which the log is on the road and touches nobody.

    Of `epdms`: progress is relative to the human's over the same time (1 where neither came farther than 5 m).
    Time to collision looks 0.9 s ahead, so it is judged up to 0.9 s ago. `two_frame_extended_comfort` compares two
    plans, of which a drive has none: it is left out, as NAVSIM does without a preceding frame.

    ## Reset options
    `scene` (an id), `time` (when to leave the log [s] in the clip), `perturb` (bool or PerturbConfig), `state`
    (what `get_state()` gave).

    ## Many at once
    `gymnasium.make_vec("SimScale-v0", num_envs=N)` gives a `SimScaleVectorEnv` with the same settings and numbers.
    Gymnasium's own `SyncVectorEnv` and `AsyncVectorEnv` take infos of one shape only, which `controllers` has not: give
    them environments in `simscale_gym.wrappers.FixedInfo`.

    ## Versions
    v0: first.

    Every config may be given as a dictionary of its fields, as JSON holds it: a spec survives `EnvSpec.to_json`.

    Args:
        scenes: `"town"` (`"town:100"` for its first 100 towns), a path to a nuPlan or NAVSIM data set or other logs,
            or a list of Scene.
        split: "train", "val", "test" or "hard" (the town's splits; other sources name their own).
        observation: "camera", "state", "lidar", or several of them.
        cameras: Names of cameras on the rig.
        image_size: Height, width [pixel].
        action: "control", "curvature", "trajectory" or "anchor".
        action_repeat: How often each action is given in a row within one step, which lasts so much longer: for learners
            that decide less often.
        anchors: Vocabulary of action "anchor": the number of its trajectories, clustered from recorded human futures;
            or a file of trajectories, ``.npy`` ``[K, 40, 3]`` x, y [m], heading [rad] at 0.1 .. 4.0 s in the ego
            frame, as GTRS has them.
        traffic: "idm", "log", "constant_velocity", any other name of `simscale_gym.agents.TRAFFIC_MODELS`, or a
            TrafficModel.
        experts: Names of pseudo-experts to ask at every step: "planner" (PDM-Closed), "recovery" (human futures
            that lead back to the log), "unified", "log" (what the human did); () for none.
        perturb: Start off the log; or a PerturbConfig.
        horizon: Longest episode [s].
        renderer: "cpu"; "gsplat" (the extra gpu, and a CUDA device); "auto": gsplat if it is there, else the CPU; or
            "cpu-merged": as "cpu", but what is smaller than a pixel of a trained asset is drawn merged, in half the
            time where there are millions of Gaussians (dressed streets always are). With gsplat, environments of the
            same Scene objects share what is on the device: call them from one thread, and spawn workers, do not fork.
        render_mode: None, "rgb_array" or "human".
        reward: "driving", "epdms", a RewardConfig or an EpdmsRewardConfig.
        assets: A trained asset, or a folder of assets named by the ids of scenes or logs (`attach_asset`); scenes
            without one are dressed.
        camera_effects: Exposure, noise, rolling shutter and the like on observed pictures (`CameraEffects`).
        lidar: Channels, azimuths, mount and noise of the LiDAR (`LidarConfig`).
        camera_source: "render"; or "log": the log's own pictures (without distortion) where there are some, the ego is
            within 0.1 m and 1 degree of its log, and every track within 0.5 m. Starts on the log are then such frames.
        min_render_quality: Score of the worst picture below which an episode is truncated; 0 for never.
        unusable: What becomes of a scene that cannot be used (its file cannot be read, or it is too short): "stop", an
            error; or "skip", a line in the log of ``simscale_gym``, and another scene from then on. One that a reset
            names is always an error.
    """

    metadata = {"render_modes": ["rgb_array", "human"], "render_fps": round(1 / DT)}  # noqa: RUF012

    def __init__(
        self,
        scenes: str | Path | Sequence[Scene] = "town",
        split: str = "train",
        observation: str | Sequence[str] = "camera",
        cameras: Sequence[str] = ("cam_f0", "cam_l0", "cam_r0"),
        image_size: tuple[int, int] = (144, 256),
        action: str = "control",
        action_repeat: int = 1,
        anchors: int | str | Path = 256,
        traffic: str | TrafficModel = "idm",
        experts: Sequence[str] = ("planner",),
        perturb: bool | PerturbConfig | Mapping[str, Any] = True,
        horizon: float = 8.0,
        renderer: str = "auto",
        render_mode: str | None = None,
        reward: str | RewardConfig | EpdmsRewardConfig | Mapping[str, Any] = "driving",
        assets: str | Path | None = None,
        camera_effects: CameraEffects | Mapping[str, Any] | None = None,
        camera_source: str = "render",
        min_render_quality: float = LEAST_SCORE,
        lidar: LidarConfig | Mapping[str, Any] | None = None,
        unusable: str = "stop",
    ) -> None:
        self.render_mode = arguments.checked_render_mode(render_mode)
        kinds = arguments.checked_names("observation", observation)
        self._cameras = arguments.checked_cameras(cameras, "camera" in kinds)
        size, sweeper = arguments.checked_image_size(image_size), arguments.checked_lidar(lidar)
        effects = arguments.checked_camera_effects(camera_effects, camera_source)
        self._traffic = arguments.checked_traffic(traffic)
        self._perturb = arguments.checked_perturb(perturb)
        self._horizon_steps = arguments.checked_horizon(horizon)
        self._reward = arguments.checked_reward(reward)
        self._least_quality = arguments.checked_least_quality(min_render_quality)
        names = arguments.checked_names("experts", experts)
        self._resources = Resources(scenes, split, names, renderer, assets, unusable)
        self._sensors = Sensors(
            kinds, self._cameras, size, effects, camera_source, sweeper, self._resources.renderers
        )
        self._starts = Starts(
            self._resources, self._sensors, self._traffic, self._perturb, self._horizon_steps
        )
        self.observation_space = self._sensors.space
        kind = make_action_type(action, anchors, lambda: self._resources.bank)
        self._action = repeated(kind, arguments.checked_repeat(action_repeat))
        self.action_space = self._action.space
        self.metadata = self.metadata | {"render_fps": round(1 / (DT * self._action.steps))}
        self._screen = Screen(self.render_mode, self._sensors, self.metadata["render_fps"])
        self._drive: Drive | None = None
        self._over = False
        if "camera" in kinds and self._perturb is not None:
            compile_ahead()

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, NDArray], dict[str, Any]]:
        """Begin an episode; see the class for ``options``.

        Raises:
            ArgumentError: Unknown or unfit options.
            DataError, SceneError: The scene cannot be read, or is too short to start in.
            ResetError: No perturbation was found and the config says to raise.
        """
        self._begin(seed, options)
        observation, info = self._sensors.observed(self._running()), self._info()
        self._screen.show(self._running())
        return observation, info

    def step(self, action: NDArray) -> tuple[dict[str, NDArray], float, bool, bool, dict[str, Any]]:
        """Drive on. After the end of an episode it goes on too, with a warning, as Gymnasium's own environments do.

        Raises:
            ArgumentError: The action is none of the action space (numbers beyond a Box's bounds are clipped).
            gymnasium.error.ResetNeeded: Before the first reset.
        """
        before, action = self._running(), self._action.checked(action)
        if self._over:
            gym.logger.warn(
                "step() was called after the end of the episode: call reset() before it.", stacklevel=2
            )
        states = apply(self._action, before.scene, self._traffic, before.state, action)
        after = before.after(states)
        self._drive = after.paid(self._reward.terms(before, after))
        observation, info = self._sensors.observed(self._running()), self._info()
        self._screen.show(self._running())
        terminated, truncated = self._drive.outcome.terminated, bool(info["truncation"])
        self._over = self._over or terminated or truncated
        return observation, float(sum(self._drive.terms.values())), terminated, truncated, info

    def render(self) -> NDArray[np.uint8] | None:
        """The cameras over a bird's-eye view, ``[H, W, 3]``, in mode "rgb_array"; "human" shows it by itself."""
        return self._screen.render(self._running())

    def film(self) -> Film:
        """The episode so far, 10 frames a second: notebooks play it, ``film().save("drive.mp4")`` writes it."""
        return film_of(self._running(), self._sensors)

    def close(self) -> None:
        """Close the window, if one is open."""
        self._screen.close()

    @property
    def camera_names(self) -> tuple[str, ...]:
        """Cameras that are rendered."""
        return self._cameras

    @property
    def horizon_steps(self) -> int:
        """Longest episode, in simulation steps of 0.1 s."""
        return self._horizon_steps

    @property
    def scene(self) -> Scene:
        """The scene that is being driven."""
        return self._running().scene

    @property
    def scene_ids(self) -> tuple[str, ...]:
        """Ids of the scenes, as the reset option ``scene`` takes them; without those that were skipped."""
        return self._resources.usable_ids

    @property
    def traffic(self) -> TrafficModel:
        """The traffic model that moves the others."""
        return self._traffic

    @property
    def reward_config(self) -> RewardConfig | EpdmsRewardConfig:
        """The settings of the reward."""
        return self._reward

    @property
    def action_type(self) -> ActionType:
        """What an action is, and how long it lasts."""
        return self._action

    @property
    def sim_state(self) -> SimState:
        """The present state of the simulation."""
        return self._running().state

    @property
    def history(self) -> History:
        """Every simulation state since the log was left, 0.1 s apart; of a snapshot that was pickled, the newest."""
        return self._running().history

    @property
    def start(self) -> episode.Start:
        """The start of the episode."""
        return self._running().start

    @property
    def plans(self) -> Mapping[str, ExpertPlan]:
        """The experts' plans from the present state, by name."""
        return self._running().plans

    def action_of(self, plan: NDArray) -> NDArray:
        """The action that follows a plan from here: what the tracker would do, the plan itself, or its anchor.

        Args:
            plan: ``[8, 3]`` x, y [m], heading [rad] at 0.5 .. 4.0 s in the ego frame, or ``[40, 3]`` at 0.1 .. 4.0 s.

        Raises:
            ArgumentError: It has neither shape, or is not finite.
        """
        return self._action.of_plan(self.scene.vehicle, self.sim_state.ego, dense_plan(plan))

    def get_state(self) -> Snapshot:
        """All that the episode's future depends on; cheap, immutable, can be pickled."""
        return self._running().snapshot(self.np_random.bit_generator.state)

    def set_state(self, snapshot: Snapshot) -> None:
        """Go (back) to where :meth:`get_state` was called, on this or another environment of the same scenes.

        Raises:
            ArgumentError: It is no snapshot, or its random state is none of this environment's generator.
            SceneError: There is no such scene here.
        """
        if not isinstance(snapshot, Snapshot):
            raise ArgumentError(f"state: {type(snapshot).__name__}, expected what get_state() gave.")
        scene = self._resources.choose_scene(snapshot.scene, self.np_random)
        snapshot.check_fits(scene)
        generator = generator_at(snapshot.random_state)
        self._enter(Drive.resume(scene, snapshot, self._traffic, self._resources.experts))
        self.np_random = generator

    def fork(self, n: int) -> list[SimScaleEnv]:
        """``n`` environments in the same state that go on independently of this one and of each other."""
        self._running()
        twins = []
        for _ in range(n):
            twin = copy.copy(self)
            twin.render_mode, twin._screen = None, Screen(None, self._sensors, 0)
            twin.np_random = generator_at(self.np_random.bit_generator.state)
            twin.action_space = copy.deepcopy(self.action_space)
            twins.append(twin)
        return twins

    def peek(self, action: NDArray) -> tuple[dict[str, NDArray], float, bool, bool, dict[str, Any]]:
        """What :meth:`step` would return, without going there."""
        return self.fork(1)[0].step(action)

    def _begin(self, seed: int | None, options: Mapping[str, Any] | None) -> None:
        """Begin an episode, as :meth:`reset` does."""
        super().reset(seed=seed)
        options = episode.checked_options(options)
        if "state" in options:
            self.set_state(options["state"])
        else:
            self._enter(self._starts.begin(options, self.np_random))

    def _enter(self, drive: Drive) -> None:
        """Go on from ``drive``, for which nothing has been paid yet."""
        self._drive = drive.paid(dict.fromkeys(self._reward.terms(drive, drive), 0.0))
        self._over = False

    def _running(self) -> Drive:
        if self._drive is None:
            raise gym.error.ResetNeeded("Call env.reset() before anything else.")
        return self._drive

    def _info(self) -> dict[str, Any]:
        drive = self._running()
        return {
            **state_info(drive),
            **expert_info(drive, self._action),
            **self._sensors.info(drive),
            "skipped_scenes": len(self._resources.skipped),
            "rewards": dict(drive.terms),
            "truncation": drive.truncation(self._horizon_steps) or self._seen_truncation(),
        }

    def _seen_truncation(self) -> str:
        """Why the episode is cut by what is seen, or ""."""
        return seen_truncation(self._sensors.quality(self._running()), self._least_quality)
