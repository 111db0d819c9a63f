"""The data engine: perturbed clips, labelled by pseudo-experts, filtered, counted, written, read and made again."""

from simscale_gym.datagen.advice import explain
from simscale_gym.datagen.collection import Recipe, collect, make_recipe, search_scene
from simscale_gym.datagen.dagger_rounds import DaggerRound, dagger
from simscale_gym.datagen.data_set import DataSet
from simscale_gym.datagen.episodes import RecordedEpisode, Transitions, record_episode, transitions
from simscale_gym.datagen.items import training_item
from simscale_gym.datagen.manifest import Damage, skipped_scenes, verify
from simscale_gym.datagen.minari import write_minari
from simscale_gym.datagen.moments import Moments
from simscale_gym.datagen.regeneration import regenerate, repair, spec_of
from simscale_gym.datagen.rollout_spec import RolloutSpec
from simscale_gym.datagen.sample import DataSample, SampleArrays
from simscale_gym.datagen.scene_shard import SceneReport, skip_reason
from simscale_gym.datagen.spec import DataSpec
from simscale_gym.datagen.writing import write_data_set
from simscale_gym.datagen.yield_table import ends_of_rollouts, stage_table, summary, yield_table
from simscale_gym.lazy_names import lazy_names

__all__ = [
    "DaggerRound",
    "Damage",
    "DataSample",
    "DataSet",
    "DataSpec",
    "Moments",
    "Recipe",
    "RecordedEpisode",
    "RolloutSpec",
    "SampleArrays",
    "SampleStream",
    "SceneReport",
    "Transitions",
    "collect",
    "dagger",
    "ends_of_rollouts",
    "explain",
    "make_recipe",
    "record_episode",
    "regenerate",
    "repair",
    "search_scene",
    "skip_reason",
    "skipped_scenes",
    "spec_of",
    "stage_table",
    "summary",
    "training_item",
    "transitions",
    "verify",
    "write_data_set",
    "write_minari",
    "yield_table",
]

__getattr__, __dir__ = lazy_names(__name__, {"SampleStream": "stream"})  # needs torch
