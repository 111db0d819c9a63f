import subprocess
import sys

import numpy as np
import pytest

from simscale_gym.errors import DataError
from simscale_gym.sim.snapshot import from_arrays, from_bytes, state_hash, to_arrays, to_bytes
from simscale_gym.sim.state import SimState, TrafficState

BUILD = """
import numpy as np
from simscale_gym.sim.state import SimState, TrafficState
rng = np.random.default_rng(5)
memory = {"progress": rng.normal(size=4), "lane": rng.integers(0, 9, (4, 3)), "seen": np.array([True] * 4)}
traffic = TrafficState(rng.normal(size=(4, 3)), rng.normal(size=(4, 2)), rng.random(4) > 0.5, memory)
state = SimState(17, rng.normal(size=11), traffic)
"""


def build():
    names: dict = {}
    exec(BUILD, names)
    return names["state"]


def test_bytes_round_trip_keeps_every_array():
    state = build()
    back = from_bytes(to_bytes(state))
    assert back.frame == 17
    for name, value in to_arrays(state).items():
        np.testing.assert_array_equal(to_arrays(back)[name], value)
        assert to_arrays(back)[name].dtype == value.dtype
    assert state_hash(back) == state_hash(state)


def test_hash_is_the_same_in_another_process():
    program = BUILD + "from simscale_gym.sim.snapshot import state_hash\nprint(state_hash(state))"
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == state_hash(build())


@pytest.mark.parametrize("name", list(to_arrays(build())))
def test_hash_sees_every_array(name):
    arrays = to_arrays(build())
    changed = dict(arrays)
    changed[name] = ~arrays[name] if arrays[name].dtype == bool else arrays[name] + 1
    assert state_hash(from_arrays(changed)) != state_hash(from_arrays(arrays))


def test_hash_ignores_the_order_of_memory_and_the_sign_of_zero():
    a = TrafficState(
        np.zeros((1, 3)), np.zeros((1, 2)), np.ones(1, bool), {"a": np.ones(1), "b": np.zeros(1)}
    )
    b = TrafficState(
        -np.zeros((1, 3)), np.zeros((1, 2)), np.ones(1, bool), {"b": np.zeros(1), "a": np.ones(1)}
    )
    assert state_hash(SimState(0, np.zeros(11), a)) == state_hash(SimState(0, np.zeros(11), b))


def test_a_snapshot_does_not_share_memory_with_the_state():
    state = build()
    arrays = to_arrays(state)
    arrays["ego"][:] = 0.0
    assert state.ego.any()


def test_damaged_snapshots_are_named():
    with pytest.raises(DataError, match="to_bytes"):
        from_bytes(b"not a file", path="here")
    with pytest.raises(DataError):
        from_bytes(to_bytes(build())[:200])
    arrays = to_arrays(build())
    with pytest.raises(DataError, match="velocities"):
        from_arrays({**arrays, "velocities": np.zeros((3, 2))})
    with pytest.raises(DataError, match="ego: found nothing"):
        from_arrays({name: value for name, value in arrays.items() if name != "ego"})
