"""Why clips gave nothing, and what to do about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from simscale_gym.perturbation import Telemetry

LOW_YIELD = 0.3
"""Share of clips with a sample in the first round, below which it is explained why; the paper's are 0.63 and 0.43."""

_NAMED = 3  # ends that are named
_LEAST_SHARE = 0.1  # of the clips without a sample, that an end must have to be named

STAGE_NAMES = {
    "scene": "at the scene (it cannot be used)",
    "clip": "at its start on the log",
    "bounds": "at the bounds (no trajectory ends near the log)",
    "gate": "at the gate (EPDMS among the recorded others)",
    "grid": "at the grid",
    "reactive": "at the reactive check (the others answer)",
    "expert": "at the expert",
    "label": "at the filter of labels",
    "challenge": "at the filter of trivial clips",
    "sight": "at the filter of what is seen",
    "render": "at the filter of pictures",
}
"""Stages at which clips end, in words."""

_VOCABULARY = (
    "The vocabulary has too little that fits the ego's speed and the road here: give a larger one or one of this "
    "source's own driving (--vocabulary), and check that it is x forward, y left, in metres and radians, 0.1 s apart."
)
_MAP = (
    "Check the map: drivable polygons that have gaps or are narrower than where the log drives, or lie in another "
    "frame than it, make every drive leave the road."
)
_ROUTE = "Check the route and the directions of lanes: what is not on the route's lanes counts as against the traffic."

ADVICE = {
    ("scene", ""): "Mend their files, or leave them out: each is named with what is wrong with it.",
    (
        "clip",
        "log touches another",
    ): "The recorded ego overlaps a track: check the sizes of boxes and the ego's "
    "dimensions, and that the ego itself is not among the tracks.",
    ("clip", "log is off the road"): _MAP,
    (
        "bounds",
        "minimum",
    ): "The ego stands and every trajectory that fits stays where the log is: take clips in which it drives.",
    ("bounds", ""): _VOCABULARY,
    ("gate", "nc"): "The recorded others leave no room: dense traffic; take other clips, or more of them.",
    ("gate", "dac"): _MAP,
    ("gate", "ddc"): _ROUTE,
    (
        "gate",
        "tlc",
    ): "Every way runs a red light: check the lights' lanes, and that a standing log counts as such.",
    (
        "gate",
        "ep",
    ): "Progress lags behind PDM-Closed's from the same start: the log is slow or waits where that "
    "would drive; take clips in which the ego drives, or lower AlgorithmConfig.gate.",
    ("gate", "ttc"): "The ways come too close to the recorded others: take other clips, or more of them.",
    ("gate", "lk"): "The ways keep off the centerline: check the route, or lower AlgorithmConfig.gate.",
    (
        "gate",
        "hc",
    ): "The ways are jerky: a vocabulary of other vehicles or another time step (it is 0.1 s) would be, "
    "and so is a log whose accelerations are noisy.",
    (
        "grid",
        "",
    ): "All good ways end in the cells that the checkerboard leaves out: a larger vocabulary fills others.",
    (
        "reactive",
        "collision",
    ): "Others run into the ego once they react: compare --traffic log; if that yields, the "
    "traffic model or the map's lane links are at fault.",
    ("reactive", "off_road"): _MAP,
    ("reactive", ""): "Reacting others change the score: compare --traffic log to see by how much.",
    (
        "expert",
        "",
    ): "The expert finds no plan that keeps the road and hits nobody from where perturbations end: try "
    "another (--experts), a larger bank of futures, or narrower bounds.",
    ("label", "ddc"): _ROUTE,
    ("label", "dac"): _MAP,
    (
        "label",
        "lk",
    ): "Labels are not back within 0.5 m of the centerline in time: narrower lateral bounds, or an "
    "expert that steers back sooner (planner).",
    ("label", "ep"): "Labels are overly careful: less than half of PDM-Closed's progress.",
    (
        "label",
        "hc",
    ): "Labels brake or steer hard after the perturbation: narrower bounds, or a smoother expert.",
    ("label", "ttc"): "Labels come within a second of others: dense traffic, or others that react late.",
    (
        "label",
        "",
    ): "Labels fail at a hard rule: look at some (simscale-gym demo) before trusting the expert here.",
    (
        "challenge",
        "",
    ): "Constant velocity does as well there, or the human breaks a rule: take logs of denser or slower "
    "streets, or leave --challenging out.",
    ("sight", ""): "Labels depend on road users that no camera sees: more cameras (--cameras) see more.",
    (
        "render",
        "",
    ): "The cameras would see what was not reconstructed: check the asset on the log itself (simscale-gym splats "
    "validate), lower --min-render-quality, or take narrower bounds.",
}
"""One sentence for each stage and reason; an empty reason stands for all the others of its stage."""


def explain(telemetry: Telemetry, experts: Sequence[str]) -> list[str]:
    """Lines about every expert whose yield is low; none where all is well."""
    lines: list[str] = []
    for expert in experts:
        share = telemetry.accepted(expert, 0) / max(telemetry.clips, 1)
        if share < LOW_YIELD:
            lines += _explained(telemetry, expert, share)
    return lines


def _explained(telemetry: Telemetry, expert: str, share: float) -> list[str]:
    ends: Counter[tuple[str, str]] = Counter()
    reasons: dict[tuple[str, str], list[str]] = {}
    for (who, stage, reason), count in telemetry.ends.most_common():
        if who == expert:
            remedy = stage, ADVICE.get((stage, reason)) or ADVICE[stage, ""]
            ends[remedy] += count
            reasons.setdefault(remedy, []).append(reason)
    lost = ends.total()
    lines = [f"{expert}: {share:.0%} of {telemetry.clips} clips gave a sample; {lost} gave none. They ended"]
    shown = [item for item in ends.most_common(_NAMED) if item[1] >= _LEAST_SHARE * lost]
    for (stage, advice), count in shown or ends.most_common(1):
        why = ", ".join(map(repr, reasons[stage, advice]))
        lines.append(f"  {count / lost:.0%} {STAGE_NAMES[stage]}, most by {why}. {advice}")
    return lines
