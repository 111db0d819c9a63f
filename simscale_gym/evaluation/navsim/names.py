"""Names in an export of a suite for NAVSIM: of logs, and of the moments by which its table is joined with ours."""

from __future__ import annotations

from collections.abc import Mapping

from simscale_gym.datagen.moments import EARLIEST, LEAST_AHEAD
from simscale_gym.datagen.navsim.frames import scene_steps
from simscale_gym.datagen.navsim.names import SampleNames, log_base, synthetic_token, token
from simscale_gym.evaluation.queries import Query
from simscale_gym.evaluation.suite import Suite
from simscale_gym.scene import Scene


def navsim_token(suite: Suite, moment: str, stage: int) -> str:
    """What NAVSIM calls the moment named ``moment`` in ``suite``."""
    return (token if stage == 1 else synthetic_token)(suite.digest, moment)


def log_names(scene: Scene, suite: Suite, pair: tuple[Query, Query]) -> SampleNames:
    """Names of the log that shows a pair of moments of the first stage."""
    tokens = {step: token(suite.digest, pair[0].token, step) for step in range(EARLIEST, LEAST_AHEAD + 1)}
    tokens |= {step: navsim_token(suite, query.token, 1) for step, query in zip((0, -1), pair, strict=True)}
    base = log_base(scene.log_id)
    return SampleNames(base, f"{base}-{tokens[0]}", tokens)


def frame_tokens(suite: Suite, query: Query, present: int) -> Mapping[int, str]:
    """Tokens of the frames of a moment of the second stage, the present one being the moment's."""
    tokens = {step: synthetic_token(suite.digest, query.token, step) for step in scene_steps(present, 0)}
    return tokens | {present: navsim_token(suite, query.token, 2)}
