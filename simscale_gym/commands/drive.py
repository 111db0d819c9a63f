"""A person at the wheel of a scene, beside a policy or alone; takeovers written as data sets."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from itertools import count
from pathlib import Path

from rich.console import Console
from tqdm import tqdm

from simscale_gym.agents import Agent, NamedAgent, needs_bank
from simscale_gym.commands.data_settings import Drive
from simscale_gym.datagen import DataSpec, RolloutSpec, write_data_set
from simscale_gym.datagen.layout import POLICY, RECIPE, parquet
from simscale_gym.datagen.rollout_labels import NO_WAY_ON
from simscale_gym.datagen.tape import PERSON
from simscale_gym.driving_seat import Session
from simscale_gym.driving_seat.seat import Seat
from simscale_gym.envs import SimScaleEnv
from simscale_gym.errors import ArgumentError, DataError
from simscale_gym.evaluation import TrainedDriver
from simscale_gym.files.atomic_write import BUILD_PREFIX
from simscale_gym.files.cache import unwritable
from simscale_gym.futures_bank import bank_of, vocabulary_for
from simscale_gym.sources import SceneRef, list_scenes

_PART = "drive-{:03d}"
_TRAINED = ".safetensors"


def run_drive(settings: Drive) -> None:
    """Open the window, let the person drive until they quit, and write what was recorded.

    Raises:
        DisplayError: There is no screen.
        ArgumentError, DataError, SceneError: Policy, scenes or folder will not do.
        PolicyError: The policy failed; what was recorded is written all the same.
    """
    driver = _driver(settings)
    refs = list_scenes(settings.scenes, settings.split)
    part = None if settings.out is None else _new_part(settings.out.expanduser().absolute())
    with closing(Seat("simscale_gym drive")) as seat:
        env = _environment(settings, driver)
        session = Session(
            env,
            refs,
            vocabulary_for(refs),
            traffic=settings.traffic,
            policy=_made(driver, env, refs),
            name=settings.policy or "",
            scene=settings.scene,
            seed=settings.seed,
            perturb=settings.perturb,
            tape=None if part is None else part / POLICY,
        )
        try:
            with closing(session):
                seat.drive(session)
        finally:
            if part is not None and session.taped[0]:
                seat.say("Writing the data set", f"{part}")
                _write(settings, driver, part)


def _new_part(out: Path) -> Path:
    """A folder in ``out`` that is not there yet, for what is recorded now.

    Raises:
        MissingExtraError: What data sets need is not installed.
        DataError: ``out`` is or holds something else than data sets, or cannot be written.
    """
    parquet()
    try:
        out.mkdir(parents=True, exist_ok=True)
        others = sorted(item.name for item in out.iterdir() if not _is_part(item))
    except OSError as error:
        raise unwritable(out, error) from error
    if others:
        some = ", ".join(others[:3]) + (", .." if len(others) > 3 else "")
        hint = "Name another."
        raise DataError(
            out, found=f"other files ({some})", expected="a folder of data sets, or none", hint=hint
        )
    return next(part for k in count() if not (part := out / _PART.format(k)).exists())


def _is_part(item: Path) -> bool:
    """Whether it is a data set, or drives that none was made of yet."""
    return any((item / name).exists() for name in (RECIPE, POLICY)) or item.name.startswith(BUILD_PREFIX)


def _driver(settings: Drive) -> NamedAgent | TrainedDriver | None:
    """Who drives beside the person."""
    if settings.policy is None:
        return None
    if not settings.policy.endswith(_TRAINED):
        return NamedAgent(settings.policy, settings.policy_file)
    if settings.policy_file is not None:
        raise ArgumentError(f"policy file: {settings.policy_file}, but {settings.policy} takes none.")
    return TrainedDriver(Path(settings.policy).expanduser())


def _sight(
    settings: Drive, driver: NamedAgent | TrainedDriver | None
) -> tuple[tuple[str, ...], tuple[int, int]]:
    """Cameras, and the size of their pictures, that are shown and written: a trained planner's own."""
    if isinstance(driver, TrainedDriver) and driver.sensing.cameras:
        return driver.sensing.cameras, driver.sensing.image_size
    return settings.cameras, settings.image_size


def _environment(settings: Drive, driver: NamedAgent | TrainedDriver | None) -> SimScaleEnv:
    cameras, size = _sight(settings, driver)
    return SimScaleEnv(
        settings.scenes,
        settings.split,
        observation=("camera", "state"),
        cameras=cameras,
        image_size=size,
        traffic=settings.traffic,
        experts=settings.experts[:1],
        horizon=settings.horizon,
        assets=settings.assets,
    )


def _made(
    driver: NamedAgent | TrainedDriver | None, env: SimScaleEnv, refs: Sequence[SceneRef]
) -> Agent | None:
    if isinstance(driver, NamedAgent):
        return driver.make(env, bank_of(refs) if needs_bank(driver.expert) else None)
    return None if driver is None else driver(env)


def _write(settings: Drive, driver: NamedAgent | TrainedDriver | None, part: Path) -> None:
    """The data set of a tape, beside it.

    Raises:
        MissingExtraError: What data sets need is not installed; the tape is there.
    """
    console = Console(soft_wrap=True, highlight=False, markup=False)
    cameras, size = _sight(settings, driver)
    spec = DataSpec(
        kind="rollout",
        scenes=settings.scenes
        if settings.scenes.partition(":")[0] == "town"
        else str(Path(settings.scenes).expanduser().absolute()),
        split=settings.split,
        experts=settings.experts,
        traffic=settings.traffic,
        assets=None if settings.assets is None else str(settings.assets.expanduser().absolute()),
        cameras=cameras,
        image_size=size,
        rollout=RolloutSpec(
            PERSON,
            str(part / POLICY),
            action="control",
            horizon=settings.horizon,
            period=settings.period,
            filtered=settings.filtered,
        ),
    )
    samples = left_out = 0
    with tqdm(unit="scene", desc="writing") as bar:
        for report in write_data_set(part, spec, workers=1, unusable="stop"):
            samples += report.samples
            left_out += report.head.telemetry.flow("label", expert=PERSON).rejected[NO_WAY_ON]
            bar.update()
    console.print(
        f"{samples} samples in {part}; simscale_gym.datagen.DataSet({str(part.parent)!r}) reads all drives."
    )
    if left_out:
        console.print(
            f"{left_out} more labels of yours were left out: nobody knows a way on from where you let go."
        )
