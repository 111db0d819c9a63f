"""Situations that the larger file of fixtures has not, and what NAVSIM's scorer made of them."""

from pathlib import Path

import pytest

from simscale_gym.parity import compare, read_fixtures

FIXTURES = read_fixtures(Path(__file__).parents[1] / "data" / "epdms_odd.json.gz")
NAMES = ["oncoming", "curve_utm", "sideswipe", "overlap_start", "cut_in", "bumper"]


@pytest.mark.parametrize("name", NAMES)
def test_scores_are_navsims(name):
    """Tracker, subscores, details and the whole of ``pdm_score`` with log replay and human filter."""
    report = compare(
        {
            "situations": [item for item in FIXTURES["situations"] if item["name"] == name],
            "end_to_end": [item for item in FIXTURES["end_to_end"] if item["situation"] == name],
        }
    )
    assert report.agrees, [row for row in report.rows.values() if row.agree < row.total]
    assert sum(row.total for row in report.rows.values()) > 400
