"""Algorithm 1 of SimScale (arXiv 2511.23369): from a clip of a log to perturbed starts with trusted labels.

A clip is a scene and a frame T. Its ego is thrown off the log over T .. T+H by a trajectory of the vocabulary
that ends within bounds of the log and scores well, at first among the others as they were recorded, then,
thinned to one per cell of a grid, among others that react. From T+H to T+2H an expert's plan is driven, among
reacting others again, and kept as a label where every subscore is full, and, if somebody asks for that, where it does
not depend on what nobody sees and its pictures can be trusted. H is 4 s.

A round tries candidates, in an order that depends on nothing but scene, T and seed, until one gives a sample;
the next round goes on behind it. So no perturbation comes twice, and round k+1 has a sample only where round k
has. All experts go through the same order, each for itself.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from simscale_gym.agents.expert import Expert
from simscale_gym.agents.futures import HORIZON_STEPS, HumanFutures
from simscale_gym.metrics.situation import HISTORY_STEPS
from simscale_gym.one_line import one_line
from simscale_gym.perturbation.clip_search import Fall, PictureFilter, Sample, SightFilter, begin_search
from simscale_gym.perturbation.config import AlgorithmConfig
from simscale_gym.perturbation.telemetry import Telemetry
from simscale_gym.scene import DT, Scene
from simscale_gym.sim import TrafficModel


@dataclass(frozen=True, eq=False)
class ClipOutcome:
    """What a clip gave.

    Attributes:
        scene: Id of the scene.
        frame: Frame T at which the log is left.
        samples: Samples, sorted by expert, then by round.
        telemetry: Counts of what became of all candidates.
        seconds: Time that the search took [s].
    """

    scene: str
    frame: int
    samples: tuple[Sample, ...]
    telemetry: Telemetry
    seconds: float

    __repr__ = one_line


def clip_frames(scene: Scene, stride: float = AlgorithmConfig.stride) -> range:
    """Every T of ``scene``, ``stride`` [s] apart, before which lies a history and after which 2H of log."""
    return range(HISTORY_STEPS, scene.num_frames - 2 * HORIZON_STEPS, max(1, round(stride / DT)))


def search_clip(
    scene: Scene,
    frame: int,
    vocabulary: HumanFutures,
    experts: Sequence[Expert],
    traffic: TrafficModel,
    config: AlgorithmConfig | None = None,
    *,
    seed: int = 0,
    sight: SightFilter | None = None,
    pictures: PictureFilter | None = None,
) -> ClipOutcome:
    """All samples of a clip, and what became of the rest.

    Args:
        scene: The scene.
        frame: T; one of :func:`clip_frames`.
        vocabulary: Trajectories to leave the log along.
        experts: Sources of labels, with different names.
        traffic: Traffic model that moves the others where they react.
        config: Settings; None for the paper's.
        seed: Number that, together with scene and T, decides the order in which candidates are tried.
        sight: Filter of plans by what is seen; None keeps them whatever they depend on.
        pictures: Filter of a sample's pictures, the last to be asked; None keeps samples whatever they look like.

    Raises:
        SceneError: The log does not reach from T to T+2H.
    """
    began = time.perf_counter()
    telemetry, samples = Telemetry(), []
    search = begin_search(
        scene, frame, vocabulary, traffic, config, telemetry, seed=seed, sight=sight, pictures=pictures
    )
    if isinstance(search, Fall):
        telemetry.ends.update((expert.name, *search) for expert in experts)
    else:
        samples = [sample for expert in experts for sample in search.samples(expert)]
    return ClipOutcome(scene.id, frame, tuple(samples), telemetry, time.perf_counter() - began)
