"""A session at the wheel: drives from start to start, a policy that may drive as well, time that runs both ways.

It knows no window: whoever has the controls calls :meth:`Session.tick` ten times a simulated second.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simscale_gym.agents.agent import Agent, Observation, is_plan
from simscale_gym.agents.futures import HumanFutures
from simscale_gym.agents.named_agents import Blame
from simscale_gym.datagen.rollout_starts import STARTS, rollout_start, snapshot_at
from simscale_gym.datagen.tape import Tape, TapedDrive
from simscale_gym.driving_seat.controls import Controls, driven_action
from simscale_gym.envs import SimScaleEnv, Snapshot
from simscale_gym.envs.agent_episode import agent_context, ending
from simscale_gym.errors import SceneError
from simscale_gym.perturbation import clip_frames
from simscale_gym.scene import DT
from simscale_gym.sources import SceneRef, find_scene, load_scene

MOST_BACK = 600
"""Steps of 0.1 s that can be taken back."""

Mode = Literal["waits", "drives", "paused", "over"]
"""Until a control is touched; while time runs; until it is told to go on; when the drive has ended."""


class _Moment(NamedTuple):
    """What is gone back to.

    Attributes:
        snapshot: The episode there.
        terms: Terms of the reward of the step that led there.
        total: Sum of all rewards up to there.
        by_person: Whether the person drove on from there.
    """

    snapshot: Snapshot
    terms: Mapping[str, float]
    total: float
    by_person: bool


class Session:
    """Drives of a person, one after the other.

    What is taken back was never driven: it is not on the tape.

    Args:
        env: The environment, with actions "control".
        refs: Its scenes, in the order in which they are driven in.
        vocabulary: Trajectories to leave the log along.
        traffic: Name of its traffic model.
        policy: Who drives beside the person; None for nobody.
        name: The policy's name.
        scene: Id of the first scene; None for that whose place is ``seed``.
        seed: Number of the first start off the log.
        perturb: Drives begin off the log.
        tape: File that takeovers are recorded in; None for none.

    Attributes:
        mode: What it does.
        by_person: Whether the person drives, not the policy.
        terms: Terms of the last step's reward.
        total: Sum of the drive's rewards.
        info: The environment's last ``info``.
        observation: What was observed last.
        controls: What the person did last.
    """

    def __init__(
        self,
        env: SimScaleEnv,
        refs: Sequence[SceneRef],
        vocabulary: HumanFutures,
        *,
        traffic: str = "idm",
        policy: Agent | None = None,
        name: str = "",
        scene: str | None = None,
        seed: int = 0,
        perturb: bool = True,
        tape: Path | None = None,
    ) -> None:
        self.env, self.policy_name = env, name
        self._refs, self._vocabulary, self._policy = refs, vocabulary, policy
        self._traffic_name, self._file, self._taped = traffic, tape, list[TapedDrive]()
        self._scene = seed % len(refs) if scene is None else refs.index(find_scene(refs, scene))
        self._number = seed % STARTS.variety if perturb else None
        self._turn, self._frame = 0, 0
        self._begin()

    def tick(self, controls: Controls) -> None:
        """A tenth of a second: who waits sets off at the first touch, and a touch takes over from the policy."""
        self.controls = controls
        if self.mode == "waits" and controls.touched:
            self.mode = "drives"
        if self.mode == "drives":
            self._step(controls)

    def single_step(self, controls: Controls) -> None:
        """One step, while it is paused."""
        self.controls = controls
        if self.mode == "paused":
            self._step(controls)

    def pause(self) -> None:
        """Stop time, or let it go on."""
        if self.mode != "over":
            self.mode = "paused" if self.mode == "drives" else "drives"

    def give_back(self) -> None:
        """Let the policy drive, where there is one."""
        if self._policy is None or self.mode == "over":
            return
        self.by_person = False
        self.mode = "drives" if self.mode == "waits" else self.mode
        self._save()

    def rewind(self, steps: int = 1) -> None:
        """Take back ``steps``, as far as they are remembered, and wait there for a touch."""
        steps = min(steps, len(self._moments))
        if steps:
            moment = [self._moments.pop() for _ in range(steps)][-1]
            del self._actions[-steps:], self._by_person[-steps:]
            self._go_to(moment)
        self.mode = "waits"

    def restart(self) -> None:
        """Take back the whole drive, as much of it as is remembered and what is not."""
        self._actions.clear()
        self._by_person.clear()
        self._moments.clear()
        self._go_to(self._first)
        self._wait()

    def next_start(self) -> None:
        """Keep the drive, and begin another one in this scene."""
        self._finish()
        self._turn += 1
        self._begin()

    def next_scene(self) -> None:
        """Keep the drive, and begin one in the next scene."""
        self._finish()
        self._turn, self._scene = 0, (self._scene + 1) % len(self._refs)
        self._begin()

    def close(self) -> None:
        """Keep the drive, and let go of the environment."""
        self._finish()
        self.env.close()

    @property
    def ending(self) -> str:
        """Why the drive is over, as :attr:`simscale_gym.envs.Episode.ending` says it; "" while it is not."""
        return ending(self.info) if self.mode == "over" else ""

    @property
    def recording(self) -> bool:
        """Whether takeovers are recorded."""
        return self._file is not None

    @property
    def has_policy(self) -> bool:
        """Whether somebody drives beside the person."""
        return self._policy is not None

    @property
    def taped(self) -> tuple[int, float]:
        """Number of takeovers so far, and how long they last together [s]."""
        drives = self._drives()
        steps = sum(int(drive.by_person.sum()) for drive in drives)
        return sum(len(drive.takeovers()) for drive in drives), steps * DT

    @property
    def next_scene_id(self) -> str:
        """Id of the scene that :meth:`next_scene` goes to."""
        return self._refs[(self._scene + 1) % len(self._refs)].id

    def _begin(self) -> None:
        """A drive from the present start of the present scene.

        Raises:
            SceneError: The scene is too short to be driven in.
        """
        scene, traffic = load_scene(self._refs[self._scene]), self.env.traffic
        frames = clip_frames(scene)
        if not frames:
            raise SceneError(
                f"scene {scene.id}: lasts {scene.duration:.1f} s, too short to leave the log and drive; name another."
            )
        self._frame = frames[self._turn % len(frames)]
        begin = rollout_start(scene, self._frame, self._start_number, self._vocabulary, traffic)
        self._first = _Moment(snapshot_at(scene, begin, traffic), {}, 0.0, self._policy is None)
        self._moments: deque[_Moment] = deque(maxlen=MOST_BACK)
        self._actions: list[NDArray[np.float32]] = []
        self._by_person: list[bool] = []
        self.controls = Controls()
        self._go_to(self._first)
        self._wait()

    @property
    def _start_number(self) -> int | None:
        return None if self._number is None else (self._number + self._turn) % STARTS.variety

    def _wait(self) -> None:
        """For the person; a policy drives at once."""
        self.mode: Mode = "waits" if self._policy is None else "drives"

    def _go_to(self, moment: _Moment) -> None:
        self.observation, self.info = self.env.reset(options={"state": moment.snapshot})
        self.terms, self.total, self.by_person = moment.terms, moment.total, moment.by_person
        if self._policy is not None:
            with self._blame():
                self._policy.reset(agent_context(self.env))

    def _step(self, controls: Controls) -> None:
        if controls.touched:
            self.by_person = True
        action = self._driven(controls) if self.by_person else self._planned(self.observation)
        self._moments.append(_Moment(self.env.get_state(), self.terms, self.total, self.by_person))
        self._actions.append(np.asarray(action, np.float32))
        self._by_person.append(self.by_person)
        self.observation, reward, terminated, truncated, self.info = self.env.step(action)
        self.terms, self.total = self.info["rewards"], self.total + reward
        if terminated or truncated:
            self.mode = "over"

    def _driven(self, controls: Controls) -> NDArray[np.float32]:
        return driven_action(controls, self.env.sim_state.ego, self.env.scene.vehicle.wheel_base)

    def _planned(self, observation: Observation) -> NDArray:
        """The policy's action.

        Raises:
            PolicyError: It failed, or gave what is neither a plan nor an action.
        """
        with self._blame():
            answer = self._policy.act(observation)
            return self.env.action_of(answer) if is_plan(answer) else self.env.action_type.checked(answer)

    def _blame(self) -> Blame:
        where = f"scene {self.env.scene.id}, {self.env.sim_state.frame * DT:.1f} s"
        return Blame(self.policy_name, where)

    def _drives(self) -> list[TapedDrive]:
        """All that was recorded, with the present drive where the person had a part in it."""
        if not any(self._by_person):
            return self._taped
        drive = TapedDrive(
            scene=self.env.scene.id,
            frame=self._frame,
            start=self._start_number,
            actions=np.array(self._actions),
            by_person=np.array(self._by_person),
            end=self.env.sim_state.ego[:3].copy(),
        )
        return [*self._taped, drive]

    def _finish(self) -> None:
        """Keep the drive."""
        self._taped = self._drives()
        self._by_person = []
        self._save()

    def _save(self) -> None:
        if self._file is not None and (drives := self._drives()):
            Tape(self._file, self._traffic_name, tuple(drives)).write()
