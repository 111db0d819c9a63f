from collections import Counter

import numpy as np

from simscale_gym.perturbation import Telemetry


def counted():
    telemetry = Telemetry()
    telemetry.one("clip")
    telemetry.many("gate", np.array(["", "dac", "", "nc", "dac"]))
    telemetry.one("label", "lk", expert="planner", round_index=0)
    telemetry.one("label", expert="planner", round_index=0)
    telemetry.one("label", expert="planner", round_index=1)
    telemetry.one("label", "ep", expert="recovery", round_index=0)
    return telemetry


def test_what_enters_a_stage_leaves_it_or_is_rejected_for_a_reason():
    telemetry = counted()
    gate = telemetry.flow("gate")
    assert (gate.entered, gate.passed, gate.rejected) == (5, 2, Counter(dac=2, nc=1))
    label = telemetry.flow("label", expert="planner")
    assert (label.entered, label.passed, label.rejected) == (3, 2, Counter(lk=1))
    assert telemetry.accepted("planner") == 2 and telemetry.accepted("planner", 1) == 1
    assert telemetry.accepted("recovery") == 0 and telemetry.clips == 1


def test_no_candidate_is_no_error():
    telemetry = Telemetry()
    telemetry.many("grid", np.zeros(0, dtype="<U4"))
    assert telemetry.flow("grid").entered == 0 and telemetry.clips == 0


def test_clips_add_up():
    total = counted()
    total.candidates, total.cells = [3], [2]
    total.ends["recovery", "label", "ep"] += 1
    other = counted()
    other.candidates, other.cells = [5], [1]
    total.add(other)
    assert total.clips == 2 and total.flow("gate").rejected == Counter(dac=4, nc=2)
    assert total.candidates == [3, 5] and total.cells == [2, 1] and total.ends.total() == 1
    assert other.clips == 1
