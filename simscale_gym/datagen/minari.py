"""Stepwise episodes as a Minari data set, which ``minari.load_dataset`` opens.

Episodes go through Minari's ``EpisodeBuffer``, one at a time: its ``DataCollector`` would need JAX.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import gymnasium as gym

from simscale_gym import __version__
from simscale_gym.agents.agent import Agent
from simscale_gym.datagen.episodes import RecordedEpisode, record_episode
from simscale_gym.errors import ArgumentError, DataError, MissingExtraError

if TYPE_CHECKING:
    from minari import MinariDataset
    from minari.data_collector.episode_buffer import EpisodeBuffer

EXTRA = "minari"
"""What is installed for Minari data sets: ``simscale-gym[minari]``."""
FORMATS = ("arrow", "hdf5", "parquet")
"""Storages of Minari. Arrow has a folder for each episode: what is broken off leaves the others whole."""


def write_minari(
    dataset_id: str,
    env: gym.Env,
    agent: Agent,
    *,
    name: str,
    episodes: int,
    seed: int = 0,
    data_format: str = "arrow",
    jpeg: bool = True,
) -> Iterator[RecordedEpisode]:
    """Let an agent drive episodes into a Minari data set; each as it is there.

    Episode ``i`` begins with the seed ``seed + i``. A data set that is there already, of the same environment, agent's
    name and first seed, gets the episodes that it lacks; nothing in it is written again.

    Args:
        dataset_id: Id such as ``simscale/town-v0``; Minari keeps it under ``MINARI_DATASETS_PATH``.
        env: A ``SimScale-v0`` of ``gymnasium.make``, whose spec the data set keeps (``recover_environment``).
        agent: Who drives.
        name: Its name, kept as ``algorithm_name``.
        episodes: Episodes that the data set is to have in the end.
        seed: Seed of the first one.
        data_format: One of :data:`FORMATS`.
        jpeg: Pictures are kept as JPEG, a tenth of the size and not quite what was observed.

    Raises:
        MissingExtraError: Minari or what its format needs is not installed.
        DataError: A run that was killed while it began the data set left a part of it.
        ArgumentError: The id is none, or is taken by other episodes; or the environment's spec cannot be kept.
    """
    minari = _minari()
    if episodes < 1 or data_format not in FORMATS:
        raise ArgumentError(
            f"minari: episodes {episodes}, data_format {data_format!r}; expected 1 or more, one of "
            f"{', '.join(FORMATS)}."
        )
    told = {
        "algorithm_name": name,
        "description": f"Episodes of simscale-gym {__version__}, driven by {name}, seeds from {seed} on.",
    }
    _check_spec(env)
    data_set = _opened(minari, dataset_id, env, told)
    for number in range(0 if data_set is None else len(data_set), episodes):
        episode = record_episode(env, agent, seed=seed + number)
        if data_set is None:
            data_set = _begun(minari, dataset_id, env, _buffer(episode), data_format, jpeg, told)
        else:
            data_set.update_dataset_from_buffer([_buffer(episode)])
        yield episode


def _minari() -> Any:
    try:
        import minari
    except ImportError as error:
        raise MissingExtraError("minari", EXTRA) from error
    return minari


def _opened(minari: Any, dataset_id: str, env: gym.Env, told: dict[str, str]) -> MinariDataset | None:
    """The data set ``dataset_id``, if it is there and goes on with these episodes."""
    from minari.dataset.minari_dataset import parse_dataset_id
    from minari.storage.datasets_root_dir import get_dataset_path

    try:
        parse_dataset_id(dataset_id)
    except (ValueError, TypeError) as error:
        raise ArgumentError(
            f"minari: id {dataset_id!r}, expected a name and a version, such as simscale/town-v0."
        ) from error
    path = get_dataset_path(dataset_id)
    if not path.exists():
        return None
    whole = (path / "data" / "metadata.json").exists()
    found = minari.load_dataset(dataset_id) if whole else ()
    if not len(found):
        raise DataError(path, found="no episode", expected="a Minari data set", hint="Delete the folder.")
    kept = {key: found.storage.metadata.get(key) for key in told}
    if kept != told or found.env_spec.to_json() != env.spec.to_json():
        raise ArgumentError(
            f"minari: {dataset_id} exists and holds other episodes ({kept['description']}); give another name or "
            "version, or ask for the same environment, agent and seed to go on with it."
        )
    return found


def _begun(
    minari: Any,
    dataset_id: str,
    env: gym.Env,
    first: EpisodeBuffer,
    data_format: str,
    jpeg: bool,
    told: dict[str, str],
) -> MinariDataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about an author and a permalink
        return minari.create_dataset_from_buffers(
            dataset_id,
            [first],
            env=env.spec,
            eval_env=env.spec,
            observation_space=env.observation_space,
            action_space=env.action_space,
            data_format=data_format,
            jpeg_encoding=jpeg,
            requirements=[f"simscale-gym=={__version__}"],
            **told,
        )


def _buffer(episode: RecordedEpisode) -> EpisodeBuffer:
    """An episode as Minari takes it: scalars as lists, for it knows arrays by more than one axis only."""
    from minari.data_collector.episode_buffer import EpisodeBuffer

    return EpisodeBuffer(
        seed=episode.seed,
        observations=dict(episode.observations),
        actions=episode.actions,
        rewards=episode.rewards.tolist(),
        terminations=episode.terminations.tolist(),
        truncations=episode.truncations.tolist(),
        infos={key: values.tolist() if values.ndim == 1 else values for key, values in episode.infos.items()},
    )


def _check_spec(env: gym.Env) -> None:
    try:
        env.spec.to_json()
    except (AttributeError, ValueError, TypeError) as error:
        raise ArgumentError(
            f"minari: the environment's spec cannot be kept ({error}); make it by gymnasium.make with arguments that "
            "JSON can hold, such as the path of a source instead of scenes."
        ) from error
