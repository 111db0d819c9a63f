"""The experiments by name, each a function of the budget."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from simscale_gym.datagen import DataSpec
from simscale_gym.errors import ArgumentError
from simscale_gym.experiments.budget import Budget
from simscale_gym.experiments.experiment import Arm, Experiment
from simscale_gym.planners import FAMILIES

SUITES = ("town-test", "town-hard")
RATIOS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Simulated samples for each recorded one, beside none, in the experiment on scaling."""

_SIZE = (72, 128)
_SCORES = 512
_ON_THE_LOG = 1.0  # [s] between clips of the log, before the trivial ones are left out
_CLIPS_OF_A_SCENE, _CLIPS_OFF_THE_LOG = 15, 21
_OFF_THE_LOG = 0.5  # [s] between clips that leave the log
_BLIND = "ego_status"
_VAL_OFF_LOG = "val-planner"
_ACCELERATION = {"acceleration hidden": 3.0, "acceleration told": 0.2}


@dataclass(frozen=True)
class _Kind:
    about: str
    families: tuple[str, ...]
    arms: Callable[[tuple[str, ...], Budget], Iterable[Arm]]
    suites: tuple[str, ...] = SUITES
    needs_scenes: bool = False


def make_experiment(name: str, budget: Budget) -> Experiment:
    """The experiment called ``name``, as large as ``budget`` says.

    Raises:
        ArgumentError: There is none of this name, or no such family, or it needs a folder of scenes.
    """
    kind = _kind(name)
    unknown = [family for family in budget.families if family not in FAMILIES]
    if unknown:
        raise ArgumentError(f"families: {unknown[0]!r} is unknown, expected some of {', '.join(FAMILIES)}.")
    if not kind.families and budget.families:
        raise ArgumentError(f"families: {name} has its own planners; leave them out.")
    if kind.needs_scenes and budget.scenes is None:
        raise ArgumentError(f"scenes: {name} needs a folder of recorded scenes (--scenes DIR).")
    suites = budget.suites or kind.suites
    arms = tuple(_calibrated(arm) for arm in kind.arms(budget.families or kind.families, budget))
    if budget.suites:
        arms = tuple(replace(arm, suites=()) for arm in arms)
    used = {name for arm in arms for name in (*arm.real, *arm.sim, *arm.val)}
    sets = {name: spec for name, spec in _sets(budget).items() if name in used}
    return Experiment(name, kind.about, sets, arms, suites)


def _calibrated(arm: Arm) -> Arm:
    """The arm; where its planner is calibrated, samples off the log have a say in that."""
    judges = arm.val and _judges(arm.family)
    return replace(arm, val=(*arm.val, _VAL_OFF_LOG)) if judges else arm


def about(name: str) -> str:
    """What the experiment called ``name`` asks.

    Raises:
        ArgumentError: There is none of this name.
    """
    return _kind(name).about


def _kind(name: str) -> _Kind:
    if name not in EXPERIMENTS:
        near = difflib.get_close_matches(name, EXPERIMENTS, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ArgumentError(f"experiment: {name!r}, expected one of {', '.join(EXPERIMENTS)}.{hint}")
    return EXPERIMENTS[name]


def _sets(budget: Budget) -> Mapping[str, DataSpec]:
    """Every data set that an experiment may name.

    All have scores of the vocabulary, so that all families learn from the same ones.
    """
    clips = budget.clips
    plain = DataSpec(
        image_size=_SIZE, picture_format="png", scores=_SCORES, kind="log", stride=_ON_THE_LOG, challenging=True,
        clips=clips,
    )  # fmt: skip
    off_log = replace(
        plain,
        kind="perturbed",
        challenging=False,
        stride=_OFF_THE_LOG,
        rounds=budget.rounds,
        clips=_CLIPS_OFF_THE_LOG * -(-clips // _CLIPS_OF_A_SCENE),
    )
    sets = {"real": plain, "val": replace(plain, split="val", clips=max(1, clips // 4))}
    for expert in ("planner", "recovery", "unified"):
        sets[expert] = replace(off_log, experts=(expert,))
    sets[_VAL_OFF_LOG] = replace(
        off_log, experts=("planner",), split="val", stride=3.0, rounds=1, clips=max(1, clips // 4)
    )
    sets["replayed"] = replace(off_log, experts=("planner",), traffic="log")
    if budget.scenes is not None:
        folder = str(Path(budget.scenes).expanduser().absolute())
        there = {"scenes": folder, "clips": None, "scores": 0, "stride": _OFF_THE_LOG}
        sets["recorded"] = replace(plain, **there)
        sets["recorded-planner"] = replace(off_log, experts=("planner",), **there)
    return sets


def _pair(family: str, budget: Budget, sim: tuple[str, ...] = ("planner",)) -> Iterable[Arm]:
    """A planner trained without and with simulation."""
    alone = Arm(f"{family}, real", family)
    yield alone
    yield Arm(f"{family}, real + sim", family, sim=sim, ratio=budget.ratio, reference=alone.name)


def _baseline(families: tuple[str, ...], budget: Budget) -> Iterable[Arm]:
    for family in families:
        yield from _pair(family, budget)
        if _judges(family):
            yield _rewards_only(family, budget, f"{family}, real")


def _judges(family: str) -> bool:
    """Whether planners of a family learn from the scores of the vocabulary, without a label."""
    return FAMILIES[family].planner.calibrates


def _rewards_only(family: str, budget: Budget, reference: str) -> Arm:
    return Arm(
        f"{family}, rewards only", family, sim=("planner",), ratio=budget.ratio, reference=reference,
        settings={"sim_imitation": False},
    )  # fmt: skip


def _experts(families: tuple[str, ...], budget: Budget) -> Iterable[Arm]:
    for family in families:
        alone = Arm(f"{family}, real", family)
        yield alone
        for expert in ("recovery", "planner", "unified"):
            yield Arm(f"{family}, {expert}", family, sim=(expert,), ratio=budget.ratio, reference=alone.name)
        if _judges(family):
            yield _rewards_only(family, budget, alone.name)


def _scaling(families: tuple[str, ...], budget: Budget) -> Iterable[Arm]:
    for family in families:
        alone = Arm(f"{family}, 0 sim", family)
        yield alone
        for ratio in RATIOS:
            yield Arm(
                f"{family}, {{ratio:g}} sim", family, sim=("planner",), ratio=ratio, reference=alone.name
            )


def _no_expert(families: tuple[str, ...], budget: Budget) -> Iterable[Arm]:
    labels = {"expert": "expert's label", "log": "logged places", "log-motion": "logged motion"}
    for family in families:
        alone = Arm(f"{family}, real", family)
        yield alone
        for label, said in labels.items():
            yield Arm(
                f"{family}, {said}", family, sim=("planner",), ratio=budget.ratio, reference=alone.name,
                settings={"sim_label": label},
            )  # fmt: skip


def _reactive(families: tuple[str, ...], budget: Budget) -> Iterable[Arm]:
    traffic = {"reacting": ("planner",), "replayed": ("replayed",), "half and half": ("planner", "replayed")}
    for family in families:
        alone = Arm(f"{family}, real", family)
        yield alone
        for said, sim in traffic.items():
            yield Arm(f"{family}, {said}", family, sim=sim, ratio=budget.ratio, reference=alone.name)


def _regression(families: tuple[str, ...], budget: Budget) -> Iterable[Arm]:
    both = {"sim": ("planner", "recovery"), "ratio": budget.ratio}
    plain = Arm("single mode", "regression", **both)
    yield Arm("real", "regression", reference=plain.name)
    yield plain
    yield Arm("a query for each teacher", "conditioned", reference=plain.name, **both)
    yield Arm("mixture head", "mixture", reference=plain.name, **both)
    yield Arm("proposals", "proposals", reference=plain.name, **both)
    yield replace(plain, name="one expert a scene", reference=plain.name, settings={"one_expert": True})
    yield replace(plain, name="sim weight 0.5", reference=plain.name, settings={"sim_weight": 0.5})
    yield replace(plain, name="one sim a real", reference=plain.name, ratio=min(1.0, budget.ratio))


def _transfer(families: tuple[str, ...], budget: Budget) -> Iterable[Arm]:
    for family in families:
        for arm in _pair(f"{family}", budget):
            yield _named(arm, "town", suites=("town-test", "real-mini"))
        for arm in _pair(f"{family}", budget, ("recorded-planner",)):
            yield _named(arm, "recorded", suites=("town-test", "town-hard"), real=("recorded",), val=())


def _shortcut(families: tuple[str, ...], budget: Budget) -> Iterable[Arm]:
    for family in families:
        for said, noise in _ACCELERATION.items():
            for arm in _pair(family, budget):
                yield _named(arm, said, settings={"acceleration_noise": noise})


def _named(arm: Arm, how: str, **changes: Any) -> Arm:
    reference = arm.reference and f"{arm.reference}, {how}"
    return replace(arm, name=f"{arm.name}, {how}", reference=reference, **changes)


EXPERIMENTS: Mapping[str, _Kind] = {
    "baseline": _Kind(
        "Does simulation help? Each family on recorded samples alone, and on recorded and simulated ones, in the same "
        "number of steps, and what learns from scores also without simulated labels; ego_status sees nothing: what it "
        "gains comes from speed and command.",
        ("regression", "diffusion", "scoring", "proposals", _BLIND),
        _baseline,
    ),
    "experts": _Kind(
        "Whose labels teach best? As many simulated samples of the recovery, the planner and the unified expert, and "
        "scores of the vocabulary alone, without a label to imitate.",
        ("regression", "scoring"),
        _experts,
    ),
    "scaling": _Kind(
        "How much simulation is enough? 0 to 4 simulated samples for each recorded one, in the same number of steps.",
        ("regression", "diffusion"),
        _scaling,
    ),
    "no-expert": _Kind(
        "Perturbation or supervision? The same simulated views with the expert's label; with the places where the "
        "human was at those times, seen from where the ego is; and with the human's motion, as if the ego were where "
        "he was.",
        ("regression", "diffusion"),
        _no_expert,
    ),
    "reactive": _Kind(
        "Must the others react while data are made? Perturbations and labels among reacting traffic, among the "
        "recorded one, and both.",
        ("regression", "diffusion"),
        _reactive,
    ),
    "shortcut": _Kind(
        "What does the status give away? The acceleration says how the human brakes: with and without it, on recorded "
        "samples alone and with simulated ones.",
        ("regression",),
        _shortcut,
    ),
    "regression": _Kind(
        "What removes mode confusion? Labels of two experts contradict each other, and a single mode averages them: a "
        "query for each teacher, a mixture head, proposals, one expert in each scene, half the weight for simulated "
        "samples, and no more simulated than recorded ones.",
        (),
        _regression,
    ),
    "transfer": _Kind(
        "Does it carry over? Trained in the town, judged on recorded scenes; trained on recorded scenes, judged in "
        "the town.",
        ("regression", "diffusion"),
        _transfer,
        suites=("town-test", "town-hard", "real-mini"),
        needs_scenes=True,
    ),
}
"""All experiments."""
