"""Says what is installed, what it runs on, what the cache holds and how fast it is; and the command for each flaw."""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.console import Console

import simscale_gym
from simscale_gym.commands.settings import Doctor
from simscale_gym.errors import ArgumentError, MissingExtraError, StorageError
from simscale_gym.extras import EXTRAS, install_command, requirements
from simscale_gym.files.atomic_write import atomic_write
from simscale_gym.files.cache import CACHE_VARIABLE, cache_root
from simscale_gym.files.cache_content import KINDS, cache_content, clear
from simscale_gym.kernels import Crew
from simscale_gym.splats.gpu.gsplat_backend import load_gsplat

_LEAST_FREE = 6e9  # the streets that the cache keeps, and a split of the town [byte]
_CGROUP = Path("/sys/fs/cgroup/cpu.max")


@dataclass(frozen=True)
class Flaw:
    """Something that is not as it could be.

    Attributes:
        what: What, and what comes of it.
        command: The shell command that mends it.
        fatal: Whether the simulator cannot run so.
    """

    what: str
    command: str
    fatal: bool = False


def run_doctor(settings: Doctor) -> bool:
    """Print the findings; whether the simulator can run."""
    console = Console()
    if settings.clear:
        _clear(settings.clear, console)
        return True
    flaws = _installed(console) + _gpu(console) + _threads(console) + _cache(console)
    if settings.benchmark and not any(flaw.fatal for flaw in flaws):
        flaws += _speed(console)
    console.rule("to do", align="left")
    for flaw in flaws:
        _say(console, f"- {flaw.what}:\n    {flaw.command}")
    if not flaws:
        _say(console, "nothing")
    return not any(flaw.fatal for flaw in flaws)


def missing(needs: dict[str, str]) -> list[str]:
    """Those of the packages, with the version that is needed, that are not installed or older."""
    found = {name: installed(name) for name in needs}
    return [
        f"{name} {f'{found[name]}, needed {least}' if found[name] else ''}".strip()
        for name, least in needs.items()
        if not found[name] or _numbers(found[name]) < _numbers(least)
    ]


def installed(name: str) -> str:
    """Version of a package, empty where it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _numbers(text: str) -> list[int]:
    return [int("".join(filter(str.isdigit, part)) or 0) for part in text.split("+")[0].split(".") if part]


def _installed(console: Console) -> list[Flaw]:
    console.rule("installed", align="left")
    _say(console, f"simscale_gym {simscale_gym.__version__} in {Path(simscale_gym.__file__).parent}")
    _say(console, f"Python {platform.python_version()} ({sys.executable}), {platform.platform(terse=True)}")
    core = requirements()
    _say(console, "core: " + ", ".join(f"{name} {installed(name) or 'missing'}" for name in core))
    gone, flaws = missing(core), []
    if gone:
        flaws.append(Flaw(f"missing or too old: {', '.join(gone)}", install_command(), fatal=True))
    if not core:
        flaws.append(Flaw("the package runs from its folder and was never installed", install_command()))
    for name, use in EXTRAS.items():
        needs = requirements(name)
        gone = missing(needs)
        state = (
            f"missing {', '.join(gone)}" if gone else ", ".join(f"{need} {installed(need)}" for need in needs)
        )
        _say(console, f"  {name:<12} {use}: {state}")
        if gone:
            _say(console, f"  {'':<12} {install_command(name)}")
    return flaws


def _gpu(console: Console) -> list[Flaw]:
    """What draws pictures."""
    console.rule("pictures", align="left")
    device = shutil.which("nvidia-smi") is not None or Path("/proc/driver/nvidia/version").exists()
    if not device:
        _say(console, 'no NVIDIA device: renderer="auto" is the CPU, which needs nothing more')
        return []
    versions = (f"{name} {installed(name) or 'missing'}" for name in ("torch", "gsplat"))
    _say(console, f"an NVIDIA device; {', '.join(versions)}")
    try:
        load_gsplat()
    except MissingExtraError as error:
        return [Flaw(f'{error.package} is missing, so renderer="auto" is the CPU', install_command("gpu"))]
    except ArgumentError as error:
        return [Flaw(f'renderer="auto" is the CPU: {error}', _cuda_command())]
    import torch

    _say(console, f'renderer="auto" is gsplat on {torch.cuda.get_device_name(0)} (CUDA {torch.version.cuda})')
    return []


def _cuda_command() -> str:
    """What to do where PyTorch and gsplat are installed, and cannot draw."""
    import torch

    if torch.version.cuda is None:  # built for the CPU
        return f"{shlex.quote(sys.executable)} -m pip install --force-reinstall torch"
    return "nvcc --version" if torch.cuda.is_available() else "nvidia-smi"


def _threads(console: Console) -> list[Flaw]:
    console.rule("threads", align="left")
    cores, allowed, flaws = Crew().threads, _quota(), []
    named = {
        name: os.environ.get(name, "") for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "NUMBA_NUM_THREADS")
    }
    _say(console, f"{cores} cores for this process of {os.cpu_count()}, load {os.getloadavg()[0]:.1f}")
    _say(console, f"an environment draws with {cores} threads and does all else with one")
    _say(console, ", ".join(f"{name} {value or 'not set'}" for name, value in named.items()))
    if installed("torch") and named["OMP_WAIT_POLICY"].upper() != "PASSIVE":
        _say(console, f"PyTorch computes with {named['OMP_NUM_THREADS'] or cores} threads")
        why = "PyTorch's idle threads spin on the cores that draw"
        flaws.append(Flaw(why, "export OMP_WAIT_POLICY=PASSIVE"))
    if allowed is not None and allowed < cores:
        why = f"the container may use {allowed:g} of the {cores} cores: more threads than that wait for each other"
        flaws.append(Flaw(why, f"taskset -c 0-{max(int(allowed), 1) - 1} python ..."))
    return flaws


def _quota() -> float | None:
    """Cores that a container's limit leaves, None where there is none."""
    try:
        quota, period = _CGROUP.read_text().split()
    except (OSError, ValueError):
        return None
    return None if quota == "max" else int(quota) / int(period)


def _cache(console: Console) -> list[Flaw]:
    console.rule("cache", align="left")
    root, content = cache_root(), cache_content()
    _say(console, f"{root} ({CACHE_VARIABLE} names another)")
    for kept in content:
        _say(console, f"  {kept.kind:<12} {kept.size / 1e6:8.1f} MB in {kept.files} files: {kept.meaning}")
    _say(console, f"  {'together':<12} {sum(kept.size for kept in content) / 1e6:8.1f} MB")
    _say(console, f"delete parts of it with: simscale-gym doctor --clear {' '.join(KINDS)}")
    try:
        with atomic_write(root / "written-by-doctor") as trial:
            trial.write_bytes(b"x")
        (root / "written-by-doctor").unlink()
    except StorageError as error:
        return [Flaw(str(error), f"export {CACHE_VARIABLE}=$HOME/simscale-cache", True)]
    free = shutil.disk_usage(root).free
    _say(console, f"{free / 1e9:.1f} GB are free there")
    if free < _LEAST_FREE:
        return [Flaw("the cache may fill its disk", f"export {CACHE_VARIABLE}=/a/larger/disk")]
    return []


def _clear(kinds: tuple[str, ...], console: Console) -> None:
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise ArgumentError(f"--clear: {unknown[0]!r}, expected some of {', '.join(KINDS)}.")
    for kind in kinds:
        was = clear(kind)
        _say(console, f"deleted {kind}: {was.files} files, {was.size / 1e6:.1f} MB")


def _speed(console: Console) -> list[Flaw]:
    console.rule("speed", align="left")
    from simscale_gym.commands.benchmark import RATES, is_prepared, rates

    if not is_prepared():
        _say(console, "not measured: kernels, the first town and a dressed street are not there yet")
        return [Flaw("the first episode will wait for what is made once", "simscale-gym prepare")]
    for (name, rate), there in zip(rates().items(), RATES.values(), strict=True):
        _say(console, f"  {name:<32} {rate:6.0f} steps/s ({there:.0f} on two shared cores)")
    return []


def _say(console: Console, text: str) -> None:
    console.print(text, soft_wrap=True, highlight=False, markup=False)
