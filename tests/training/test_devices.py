"""Several devices share the samples of each step, and end in nearly the planner of one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from safetensors.torch import load_file  # noqa: E402

SCRIPT = Path(__file__).with_name("train_on_devices.py")


def test_two_devices_take_the_samples_of_one(tmp_path):
    """Two processes on this machine; norms over batches are each device's own, hence nearly."""
    places = [
        str(Path(__file__).parents[1]),
        str(Path(__file__).parents[2]),
        os.environ.get("PYTHONPATH", ""),
    ]
    told = {**os.environ, "PYTHONPATH": os.pathsep.join(places)}
    for devices in (1, 2):
        command = [sys.executable, str(SCRIPT), str(devices), str(tmp_path / f"on-{devices}")]
        done = subprocess.run(command, env=told, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr[-2000:]
    alone, *shared = (
        json.loads((tmp_path / f"on-{name}.json").read_text()) for name in ("1-0", "2-0", "2-1")
    )
    assert len(alone) == 8 and all(len(rows) == 4 for process in shared for rows in process)
    assert [sorted(rows) for rows in alone] == [sorted(a + b) for a, b in zip(*shared, strict=True)]
    one, two = (load_file(tmp_path / f"on-{devices}" / "planner.safetensors") for devices in (1, 2))
    apart = max((one[name].double() - two[name].double()).abs().max().item() for name in one)
    assert apart < 0.01
