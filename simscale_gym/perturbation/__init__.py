"""Off the log and how far: the vocabulary, the bounds, the sampling, and SimScale's Algorithm 1."""

from simscale_gym.perturbation.algorithm import ClipOutcome, clip_frames, search_clip
from simscale_gym.perturbation.bounds import Bounds
from simscale_gym.perturbation.candidates import Candidates, find_candidates
from simscale_gym.perturbation.clip_search import PictureFilter, Sample, SightFilter
from simscale_gym.perturbation.config import AlgorithmConfig, PerturbConfig
from simscale_gym.perturbation.fates import Fates, clip_fates
from simscale_gym.perturbation.sampling import REJECTIONS, Perturbation, sample_perturbation
from simscale_gym.perturbation.starts import numbered_start
from simscale_gym.perturbation.telemetry import STAGES, Flow, Telemetry
from simscale_gym.perturbation.vocabulary import cluster_futures, load_vocabulary, spread_rows

__all__ = [
    "REJECTIONS",
    "STAGES",
    "AlgorithmConfig",
    "Bounds",
    "Candidates",
    "ClipOutcome",
    "Fates",
    "Flow",
    "PerturbConfig",
    "Perturbation",
    "PictureFilter",
    "Sample",
    "SightFilter",
    "Telemetry",
    "clip_fates",
    "clip_frames",
    "cluster_futures",
    "find_candidates",
    "load_vocabulary",
    "numbered_start",
    "sample_perturbation",
    "search_clip",
    "spread_rows",
]
