"""What can be installed beside the core, what for, and the command that installs it where this package came from."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

NAME = "simscale-gym"

EXTRAS = {
    "gpu": 'pictures on a CUDA device (renderer="gsplat")',
    "data": "data sets: collect --out, DataSet; Argoverse 2",
    "distributed": "collect on many machines (--runner ray)",
    "stream": "samples made while a planner trains (SampleStream)",
    "minari": "episodes for Minari (episodes)",
    "train": "planners trained and driven (train, experiment)",
    "report": "pages with charts (evaluate --report, experiment --report)",
    "viewer": "scenes, data sets and drives in a browser (view)",
    "spz": "Gaussians in SPZ files of version 4",
    "rl": "Stable-Baselines3 (examples/05_sb3_ppo.py)",
}
"""What each extra is for, but those that only we ourselves need (test, lint, docs)."""


def install_command(*extras: str) -> str:
    """The shell command that installs the package with ``extras`` from where it was installed before.

    It is on no package index: so that is the checkout that runs, or the folder or repository that pip was given.
    """
    wanted = f"[{','.join(extras)}]" if extras else ""
    return f"{_pip()} install {_from(wanted)}"


def requirements(extra: str = "") -> dict[str, str]:
    """Least version by package, empty where any will do: of ``extra`` alone, or of the core.

    Of a checkout that was never installed nothing is known.
    """
    try:
        lines = distribution(NAME).requires or []
    except PackageNotFoundError:
        return {}
    least = {}
    for line in lines:
        need, _, marker = line.partition(";")
        if re.search(rf"extra == ['\"]{extra}['\"]", marker) if extra else "extra" not in marker:
            name = re.match(r"[\w.-]+", need).group()
            found = re.search(r">=\s*([\w.]+)", need)
            least[name] = found.group(1) if found else ""
    return least


def _from(wanted: str) -> str:
    checkout = Path(__file__).parents[1]
    if (checkout / "setup.cfg").is_file():
        return _folder(checkout, wanted, editable=True)
    try:
        told = json.loads(distribution(NAME).read_text("direct_url.json") or "{}")
    except PackageNotFoundError:
        told = {}
    if "vcs_info" in told:
        vcs = told["vcs_info"]
        return shlex.quote(f"{NAME}{wanted} @ {vcs['vcs']}+{told['url']}@{vcs['commit_id']}")
    if told.get("url", "").startswith("file://"):
        return _folder(Path(told["url"].removeprefix("file://")), wanted)
    return shlex.quote(f"{NAME}{wanted} @ {told['url']}" if "url" in told else f"{NAME}{wanted}")


def _folder(folder: Path, wanted: str, *, editable: bool = False) -> str:
    """A folder as pip takes it, short where it is the present one."""
    near = "." if folder == Path.cwd() else str(folder)
    return f"{'--editable ' if editable else ''}{shlex.quote(near + wanted)}"


def _pip() -> str:
    """The pip of the interpreter that runs."""
    found = shutil.which("pip")
    ours = found is not None and Path(found).parent == Path(sys.executable).parent
    return "pip" if ours else f"{shlex.quote(sys.executable)} -m pip"
