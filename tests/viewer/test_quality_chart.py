"""The chart of judged drives: what must be seen is looked for in its pixels."""

import numpy as np
import pytest

from simscale_gym.errors import ArgumentError
from simscale_gym.viewer import JudgedDrive, quality_chart
from simscale_gym.viewer.quality_chart import COLORS, FACTOR_NAMES

BLACK, BLUE = (20, 22, 25), (0, 114, 178)
FALLING = np.clip(np.linspace(2.0, -1.0, 41), 0.0, 1.0)


def drive(scores=FALLING, color=(10, 200, 30), **factors):
    pictures = np.broadcast_to(np.array(color, np.uint8), (len(scores), 9, 16, 3))
    return JudgedDrive("a drive: of a test", np.linspace(0.0, 20.0, len(scores)), pictures, scores, factors)


def chart(*drives, **settings):
    return np.asarray(quality_chart(drives, "Title", "Subtitle", **{"least": 0.25, **settings}))


def places(page, color):
    """Rows and columns of pixels of a color."""
    return np.nonzero((np.abs(page.astype(int) - color) < 6).all(-1))


def test_pictures_stand_side_by_side_in_rows():
    page = chart(drive(), drive(color=(200, 10, 30)))
    top, bottom = (places(page, color) for color in ((10, 200, 30), (200, 10, 30)))
    assert top[0].max() < bottom[0].min()
    for rows, columns in (top, bottom):
        assert np.ptp(columns) > 0.9 * page.shape[1] and len(rows) > 0.9 * np.ptp(rows) * np.ptp(columns)


def test_the_line_falls_where_the_score_does():
    page = chart(drive())
    rows, columns = places(page[:-70], BLACK)  # above the legend
    plot = rows > 260  # below the numbers under the pictures
    rows, columns = rows[plot], columns[plot]
    start, end = columns.min(), columns.max()
    high, low = np.median(rows[columns < start + 20]), np.median(rows[columns > end - 20])
    assert low - high > 150
    middle = np.median(rows[np.abs(columns - (start + end) / 2) < 3])
    assert middle == pytest.approx((low + high) / 2, abs=6)


def test_only_factors_that_fall_are_drawn():
    page = chart(drive(coverage=np.ones(41), coarseness=FALLING[::-1]))
    assert len(places(page, COLORS[0])[0]) > 100 and len(places(page, COLORS[1])[0]) == 0


def test_every_factor_has_words():
    from simscale_gym.splats.render_validity import TRAINED

    assert set(FACTOR_NAMES) == set(vars(TRAINED)) and len(COLORS) >= len(FACTOR_NAMES)


def test_untrusted_pictures_are_called_so():
    good, bad = (chart(drive(np.full(41, score))) for score in (0.9, 0.1))
    warned = [len(places(page[:280], (178, 50, 0))[0]) for page in (good, bad)]
    assert warned[0] == 0 < warned[1]


def test_two_scores_of_one_are_both_seen():
    """One line lies on the other."""
    rows, _ = places(chart(drive(np.ones(41)), drive(np.ones(41)))[430:-70], BLUE)
    assert len(rows) > 500


@pytest.mark.parametrize("count", [0, 3])
def test_other_numbers_of_drives_are_refused(count):
    with pytest.raises(ArgumentError, match=f"drives: {count}"):
        chart(*[drive()] * count)


@pytest.mark.parametrize("factors", [0, 1, 4, 7])
def test_legends_stay_on_the_page(factors):
    page = chart(drive(**dict.fromkeys(list(FACTOR_NAMES)[:factors], FALLING)))
    assert (page[-4:] == 255).all() and (page[:, -4:] == 255).all()
    for color in COLORS[:factors]:
        assert len(places(page[-100:], color)[0]) > 30
