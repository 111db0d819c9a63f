"""SimScale's filter of labels."""

import numpy as np

from simscale_gym.metrics import Scores
from simscale_gym.scoring.label_filter import is_valid_label, label_failures

CODES = ("nc", "dac", "ddc", "tlc", "ep", "ttc", "lk", "hc")


def scores(**changed):
    subscores = {code: np.array([changed.get(code, 1.0)]) for code in CODES}
    steps = np.array([41])
    return Scores(
        **subscores,
        progress=np.array([20.0]),
        collision_step=steps,
        ttc_step=steps,
        comfort=np.ones((1, 6), bool),
        areas=np.zeros((1, 41), np.uint8),
    )


def test_a_label_needs_every_subscore_and_more_than_half_the_progress():
    assert is_valid_label(scores())[0]
    assert is_valid_label(scores(ep=0.51))[0]
    for code in CODES:
        bad = scores(**{code: 0.5})
        assert not is_valid_label(bad)[0], code
        assert [name for name, failed in label_failures(bad).items() if failed[0]] == [code]
