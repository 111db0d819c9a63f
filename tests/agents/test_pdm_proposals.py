"""Planning steps on invented roads, routes and objects, and what NAVSIM's planner made of them."""

from pathlib import Path

import numpy as np
import pytest

from simscale_gym.parity import compare, read_fixtures
from simscale_gym.parity.pdm_closed import plan_case

CASES = read_fixtures(Path(__file__).parents[1] / "data" / "pdm_odd.json.gz")["pdm_closed"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_plans_are_navsims(case):
    report = compare({"pdm_closed": [case]})
    assert report.agrees, [row for row in report.rows.values() if row.agree < row.total]


def test_of_a_light_and_a_vehicle_both_touched_the_one_that_navsims_tree_names_first_leads():
    """Here the light: a vehicle, which the forecast lists before lights, would leave its speed in the table."""
    case = next(case for case in CASES if "light and a vehicle" in case["name"])
    _, planned = plan_case(case)
    assert np.all(planned.proposals.leads[5:10, :, 1] == 0.0)
