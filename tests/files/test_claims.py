"""A folder is held by one process at a time, and let go of when that dies."""

import subprocess
import sys

from simscale_gym.files.claims import claimed

HOLDS = """
import sys, time
from pathlib import Path
from simscale_gym.files.claims import claimed
with claimed(Path(sys.argv[1])) as mine:
    print(mine, flush=True)
    time.sleep(60)
"""


def test_the_first_holds_it_until_it_dies(tmp_path):
    folder = tmp_path / "deep" / "folder"
    other = subprocess.Popen([sys.executable, "-c", HOLDS, str(folder)], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout.readline().strip() == "True"
        with claimed(folder) as mine:
            assert not mine
    finally:
        other.kill()
        other.wait()
    with claimed(folder) as mine:
        assert mine
        with claimed(folder) as again:
            assert not again
