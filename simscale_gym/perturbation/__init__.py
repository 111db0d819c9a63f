"""Off the log and how far: the vocabulary, the bounds, the sampling."""

from simscale_gym.perturbation.config import PerturbConfig
from simscale_gym.perturbation.sampling import Perturbation, sample_perturbation
from simscale_gym.perturbation.vocabulary import cluster_futures

__all__ = ["PerturbConfig", "Perturbation", "cluster_futures", "sample_perturbation"]
