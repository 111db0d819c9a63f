"""Many environments in one: Gymnasium's vector environment, whose simulation is stepped by all threads at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from simscale_gym.envs.batch_rewards import Standing, batch_terms
from simscale_gym.envs.drive import cut
from simscale_gym.envs.env import SimScaleEnv
from simscale_gym.envs.observations import ego_motion
from simscale_gym.envs.pictures import draw_moments
from simscale_gym.envs.seat import Seat, seated
from simscale_gym.envs.vector_entries import put_entries
from simscale_gym.envs.vector_info import VectorInfo
from simscale_gym.errors import ArgumentError
from simscale_gym.kernels import Crew

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simscale_gym.envs.snapshot import Snapshot

Observations = dict[str, NDArray]


class SimScaleVectorEnv(VectorEnv[Observations, NDArray, NDArray]):
    """``num_envs`` of :class:`SimScaleEnv` with the same settings, driven together: ``gym.make_vec("SimScale-v0", N)``.

    With the seeds and actions of ``N`` single environments it gives their observations, rewards, ends and infos, number
    for number. Traffic (of the reactive models), motion, judgement and the observations ``ego``, ``command`` and
    ``state`` are computed by kernels for all environments at once, on all cores. Pictures are drawn in one call for all
    environments of a scene. LiDAR, experts and other traffic models are asked one environment after the other.

    ## Info
    As of :class:`SimScaleEnv`, in Gymnasium's form: an array for each entry, nested dictionaries with such, and beside
    each a mask ``_name`` of who has it; `controllers` is an array of arrays, as tracks differ in number. What takes
    long (`controllers`, `expert`, `expert_action`, `reset`, `inferred`, `state_hash`) is worked out when it is first
    read, until the next step or reset; experts are asked then and not before.

    ## Ends
    `autoreset_mode`: as Gymnasium has it. "NextStep": the step after an end resets, with reward 0. "SameStep": the
    step that ends also resets; `final_obs` and `final_info` hold what was before. "Disabled": the caller resets by the
    option `reset_mask`.

    ## Reset options
    Those of :class:`SimScaleEnv`, for all environments that are reset (a `state` makes all of them forks of one
    moment), and `reset_mask` (bool ``[N]``). Starts that were found are remembered
    (`simscale_gym.envs.seat.KEPT_STARTS`).

    Args:
        num_envs: ``N``.
        autoreset_mode: What happens at the end of an episode.
        threads: Threads that simulate; None for one per core that the process may use.
        **settings: Settings of :class:`SimScaleEnv`.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": SimScaleEnv.metadata["render_fps"]}  # noqa: RUF012

    def __init__(
        self,
        num_envs: int = 1,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        threads: int | None = None,
        **settings: Any,
    ) -> None:
        super().__init__()
        self.autoreset_mode = _checked_mode(autoreset_mode)
        self.metadata = {**type(self).metadata, "autoreset_mode": self.autoreset_mode}
        self.num_envs, self._crew = _checked_count(num_envs), Crew(threads)
        like = SimScaleEnv(**settings)
        self.render_mode = _checked_render_mode(like.render_mode)
        self._kind, self._reward, self._horizon_steps = (
            like.action_type,
            like.reward_config,
            like.horizon_steps,
        )
        self.single_observation_space, self.single_action_space = like.observation_space, like.action_space
        self.observation_space = batch_space(like.observation_space, self.num_envs)
        self.action_space = batch_space(like.action_space, self.num_envs)
        self._batch, self._seats = seated(like, self.num_envs, self._crew)
        self._all = np.ones(self.num_envs, bool)
        self._info = VectorInfo(self.num_envs)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Observations, dict[str, Any]]:
        """Begin episodes.

        Args:
            seed: Seeds of the environments; of a number ``s``, ``s``, ``s + 1``, and so on.
            options: See the class.

        Raises:
            ArgumentError: Unfit seeds or options; the environment is named where it is one of them.
            gymnasium.error.ResetNeeded: A mask leaves out environments that have never been reset.
        """
        seeds, options = self._checked_seeds(seed), dict(options or {})
        mask = self._checked_mask(options.pop("reset_mask", self._all))
        for row in np.flatnonzero(mask).tolist():
            self._begin(row, seeds[row], options)
        return self._observed(), self._told(mask)

    def step(
        self, actions: NDArray
    ) -> tuple[Observations, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Drive on, and begin anew where the mode says so.

        Raises:
            ArgumentError: Another number of actions, or one that is none of the space; nobody has moved then.
            gymnasium.error.ResetNeeded: An environment has not been reset, or its episode is over in mode "Disabled".
        """
        over = self._over()
        if over.any() and self.autoreset_mode is not AutoresetMode.NEXT_STEP:
            raise gym.error.ResetNeeded(
                f"environment {int(over.argmax())} is at its end: reset it, options={{'reset_mask': ...}} names it."
            )
        actions, rows = self._kind.checked_rows(actions, self.num_envs), np.flatnonzero(~over)
        rewards = np.zeros(self.num_envs)
        rewards[rows] = self._drive_on(rows, actions)
        for row in np.flatnonzero(over).tolist():
            self._begin(row, None, None)
        observations = self._observed()
        terminated, truncations = self._terminated() & ~over, self._truncations()
        truncated = (truncations != "") & ~over
        info, ends = VectorInfo(self.num_envs), np.flatnonzero(terminated | truncated).tolist()
        if self.autoreset_mode is AutoresetMode.SAME_STEP and ends:
            self._end(ends, observations, info)
            self._observe(np.array(ends), observations)
        else:
            self._batch.is_over[ends] = True
        return observations, rewards, terminated, truncated, self._told(self._all, info)

    def get_state(self, row: int) -> Snapshot:
        """Snapshot of environment ``row``, which any :class:`SimScaleEnv` or vector environment goes on from."""
        return self.envs[row].get_state()

    def set_state(self, row: int, snapshot: Snapshot) -> None:
        """Have environment ``row`` go on from ``snapshot``; the others stay where they are.

        Raises:
            ArgumentError: It is no snapshot, or of other scenes; ``row`` is named.
            SceneError: There is no such scene here.
        """
        self._info.expire()
        with _naming(row):
            self.envs[row].set_state(snapshot)

    @property
    def envs(self) -> tuple[Seat, ...]:
        """The environments, to be looked at."""
        return tuple(self._seats)

    def render(self) -> tuple[NDArray[np.uint8] | None, ...]:
        """A picture of each environment, as :meth:`SimScaleEnv.render` gives it."""
        self._draw()
        return tuple(seat.render() for seat in self._seats)

    def call(self, name: str, *arguments: Any, **named: Any) -> tuple[Any, ...]:
        """What the method, or the value, called ``name`` of each environment gives."""
        found = [getattr(seat, name) for seat in self._seats]
        return tuple(each(*arguments, **named) if callable(each) else each for each in found)

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """The value called ``name`` of each environment."""
        return self.call(name)

    @property
    def np_random(self) -> tuple[np.random.Generator, ...]:  # type: ignore[override]
        """The generators of the environments."""
        return tuple(seat.np_random for seat in self._seats)

    @property
    def np_random_seed(self) -> tuple[int | None, ...]:  # type: ignore[override]
        """The seeds of the environments."""
        return tuple(seat.np_random_seed for seat in self._seats)

    def close_extras(self, **kwargs: Any) -> None:
        """Nothing is open."""

    def _drive_on(self, rows: NDArray[np.int64], actions: NDArray) -> NDArray[np.float64]:
        """Rewards ``[len(rows)]`` of one step of environments ``rows``."""
        self._info.expire()
        if not len(rows):
            return np.zeros(0)
        before = Standing.of(self._batch, rows)
        self._batch.move(rows, self._kind, actions[rows])
        terms = batch_terms(self._reward, before, Standing.of(self._batch, rows))
        self._batch.pay(rows, terms)
        return sum(terms.values())

    def _begin(self, row: int, seed: int | None, options: Mapping[str, Any] | None) -> None:
        self._info.expire()
        with _naming(row):
            self._seats[row].begin(seed, options)

    def _end(self, ends: list[int], observations: Observations, info: VectorInfo) -> None:
        """Note the last of the episodes ``ends``, and begin new ones."""
        mask = np.isin(np.arange(self.num_envs), ends)
        last, final = np.full(self.num_envs, None, object), VectorInfo(self.num_envs)
        for row in ends:
            last[row] = {name: values[row].copy() for name, values in observations.items()}
        drives = {row: self._batch.drive(row) for row in ends}
        put_entries(final, self._seats, self._batch, self._truncations(), mask, drives.__getitem__)
        info.put("final_obs", last, mask)
        info.put("final_info", final, mask)
        for row in ends:
            self._begin(row, None, None)

    def _observed(self) -> Observations:
        """What all environments observe now; the caller's own."""
        spaces = self.observation_space.spaces
        out = {name: np.empty(space.shape, space.dtype) for name, space in spaces.items()}
        self._observe(np.arange(self.num_envs), out)
        return out

    def _observe(self, rows: NDArray[np.int64], out: Observations) -> None:
        """Write what environments ``rows`` observe now to ``out``."""
        batch, kinds = self._batch, self._seats[0].sensors.kinds
        out["ego"][rows], out["command"][rows] = ego_motion(batch.egos[rows]), 0.0
        out["command"][rows, batch.found.commands[rows]] = 1.0
        if "state" in kinds:
            batch.observed_states(rows, out["state"])
        if self._seats[0].sensors.see:
            self._draw()
        if set(kinds) - {"state"}:
            for row in rows.tolist():
                for name, seen in self._seats[row].perceived().items():
                    out[name][row] = seen

    def _draw(self) -> None:
        """Draw what is to be seen now, all of a scene in one call."""
        wanted = (seat.wanted for seat in self._seats)
        draw_moments([entry for entry in wanted if entry is not None])

    def _terminated(self) -> NDArray[np.bool_]:
        batch = self._batch
        return (batch.found.faults != 0) | batch.found.left_road | batch.arrived

    def _truncations(self) -> NDArray[np.str_]:
        """Why each episode is cut, or ""."""
        batch = self._batch
        why = cut(batch.steps, self._horizon_steps, batch.frames, batch.last_frames)
        if not self._seats[0].sensors.see:
            return why
        seen = np.array([seat.seen_truncation for seat in self._seats])
        return np.where(why != "", why, seen)

    def _told(self, mask: NDArray[np.bool_], info: VectorInfo | None = None) -> VectorInfo:
        """The ``info`` of the environments ``mask [N]``, put to what ``info`` has."""
        self._info = VectorInfo(self.num_envs) if info is None else info
        put_entries(self._info, self._seats, self._batch, self._truncations(), mask, self._batch.drive)
        return self._info

    def _over(self) -> NDArray[np.bool_]:
        """Whose episode is over.

        Raises:
            gymnasium.error.ResetNeeded: Somebody's has not begun.
        """
        if not self._batch.has_begun.all():
            raise gym.error.ResetNeeded("Call env.reset() before anything else.")
        return self._batch.is_over.copy()

    def _checked_seeds(self, seed: int | Sequence[int | None] | None) -> list[int | None]:
        if seed is None:
            return [None] * self.num_envs
        if isinstance(seed, int | np.integer):
            return [int(seed) + row for row in range(self.num_envs)]
        if len(seed) != self.num_envs:
            raise ArgumentError(
                f"seed: {len(seed)} of them, expected {self.num_envs}, one for each environment."
            )
        return list(seed)

    def _checked_mask(self, mask: object) -> NDArray[np.bool_]:
        fits = isinstance(mask, np.ndarray) and mask.dtype == np.bool_ and mask.shape == (self.num_envs,)
        if not fits or not mask.any():
            raise ArgumentError(
                f"reset options: reset_mask {mask!r}, expected bool [{self.num_envs}] with one True at least."
            )
        if not (self._batch.has_begun | mask).all():
            raise gym.error.ResetNeeded("Call env.reset() without a mask first.")
        return mask


def _checked_mode(mode: AutoresetMode | str) -> AutoresetMode:
    try:
        return AutoresetMode(mode)
    except ValueError:
        names = ", ".join(repr(each.value) for each in AutoresetMode)
        raise ArgumentError(
            f"autoreset_mode: {mode!r}, expected an AutoresetMode or one of {names}."
        ) from None


def _checked_count(count: int) -> int:
    if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 1:
        raise ArgumentError(f"num_envs: {count!r}, expected a number of environments, 1 or more.")
    return int(count)


def _checked_render_mode(mode: str | None) -> str | None:
    if mode == "human":
        raise ArgumentError(
            "render_mode: 'human' opens one window; vector environments take None or 'rgb_array'."
        )
    return mode


@contextmanager
def _naming(row: int) -> Iterator[None]:
    """Have complaints name environment ``row``."""
    try:
        yield
    except ArgumentError as error:
        raise ArgumentError(f"environment {row}: {error}") from None
