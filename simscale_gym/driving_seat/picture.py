"""What the driver looks at, 1280 by 720: cameras, the bird's-eye view, and a panel: who drives, how fast, how well."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from simscale_gym.driving_seat.controls import Controls
from simscale_gym.driving_seat.session import Session
from simscale_gym.metrics import COLUMNS
from simscale_gym.scene import DT, StateIndex
from simscale_gym.viewer import Overlay, draw_bev
from simscale_gym.viewer.bev import EGO, LOG, PERTURBED, PLAN

Color = tuple[int, int, int]

SIZE = (1280, 720)
"""Width and height [px]."""

_CAMERAS, _HELP, _PANEL = (
    240,
    30,
    392,
)  # height of the cameras and of the line of keys, width of the panel [px]
_SCALE = 7.5  # of the bird's-eye view [px/m]
_BACKGROUND, _TEXT, _FAINT, _LINE = (22, 25, 28), (236, 238, 240), (150, 155, 160), (52, 57, 62)
_PERSON, _POLICY, _STILL, _GOOD, _BAD = (
    (214, 120, 30),
    (44, 110, 196),
    (84, 90, 98),
    (96, 196, 120),
    (226, 84, 74),
)
_NAMES = {
    "nc": "no collision", "dac": "on the road", "ddc": "direction", "tlc": "red lights",
    "ep": "progress", "ttc": "time to coll.", "lk": "lane", "hc": "comfort",
}  # fmt: skip
_ENDINGS = {
    "collision": "collision, your fault", "out_of_road": "off the road", "goal": "arrived", "horizon": "time is up",
    "log_end": "end of the clip", "out_of_reconstruction": "beyond what was recorded",
}  # fmt: skip
_KEYS = (
    ("arrows, WASD", "drive"), ("Space", "full brake"), ("P", "pause"), (".", "one step"), ("Backspace", "rewind"),
    ("R", "restart"), ("Enter", "next start"), ("N", "next scene"), ("Esc", "quit"),
)  # fmt: skip
_GIVE_BACK = (("G", "give back"),)


def seat_picture(session: Session, share: float) -> NDArray[np.uint8]:
    """The picture of a session, uint8 ``[720, 1280, 3]``.

    Args:
        session: The session.
        share: Simulated seconds that pass in a second while time runs.
    """
    picture = Image.new("RGB", SIZE, _BACKGROUND)
    _cameras(picture, session)
    width, height = SIZE[0] - _PANEL, SIZE[1] - _CAMERAS - _HELP
    state = session.env.sim_state
    picture.paste(draw_bev(session.env.scene, state, _ways(session), width, height, _SCALE), (0, _CAMERAS))
    draw = ImageDraw.Draw(picture)
    _legend(draw, SIZE[1] - _HELP - 28)
    _notice(draw, session, width // 2, _CAMERAS + 56)
    _panel(draw, session, share, width + 20, SIZE[0] - 20)
    _keys(draw, (*_KEYS[:4], *(_GIVE_BACK if session.has_policy else ()), *_KEYS[4:]))
    return np.asarray(picture)


def notice_picture(title: str, more: str = "") -> NDArray[np.uint8]:
    """A picture with nothing but words, for while one waits."""
    picture = Image.new("RGB", SIZE, _BACKGROUND)
    draw = ImageDraw.Draw(picture)
    draw.text((SIZE[0] / 2, SIZE[1] / 2 - 20), title, _TEXT, _font(30), anchor="mm")
    draw.text((SIZE[0] / 2, SIZE[1] / 2 + 24), more, _FAINT, _font(17), anchor="mm")
    return np.asarray(picture)


def _cameras(picture: Image.Image, session: Session) -> None:
    """Those that are observed, as high as there is room for, in a row in the middle."""
    names = [name for name in session.env.camera_names if name in session.observation]
    if not names:
        return
    high, wide = session.observation[names[0]].shape[:2]
    factor = min(_CAMERAS / high, SIZE[0] / (wide * len(names)))
    size = round(wide * factor), round(high * factor)
    order = sorted(names, key=_from_left)
    left = (SIZE[0] - size[0] * len(order)) // 2
    for place, name in enumerate(order):
        camera = Image.fromarray(session.observation[name]).resize(size, Image.Resampling.BILINEAR)
        picture.paste(camera, (left + place * size[0], (_CAMERAS - size[1]) // 2))


def _from_left(name: str) -> int:
    """Cameras to the left first, those nearest to the middle last; then the middle, then those to the right."""
    side, number = name.removeprefix("cam_")[:1], int(name[-1:] or 0)
    return {"l": -1 - number, "r": 1 + number}.get(side, 0)


def _ways(session: Session) -> Overlay:
    env = session.env
    egos, begun = env.history.egos[:, :3], len(env.start.states) - 1
    plans = [plan.poses_world(env.sim_state.ego) for plan in env.plans.values()]
    return Overlay(log=env.scene.ego.poses, perturbed=egos[: begun + 1], driven=egos[begun:], plans=plans)


def _legend(draw: ImageDraw.ImageDraw, top: int) -> None:
    x = 14
    for name, color in (("you", EGO), ("way off the log", PERTURBED), ("log", LOG), ("expert's plan", PLAN)):
        width = int(draw.textlength(name, _font(14))) + 34
        draw.rounded_rectangle([x, top, x + width, top + 22], 5, fill=(22, 25, 28))
        draw.rectangle([x + 8, top + 8, x + 20, top + 13], color)
        draw.text((x + 26, top + 11), name, _TEXT, _font(14), anchor="lm")
        x += width + 8


def _notice(draw: ImageDraw.ImageDraw, session: Session, x: int, y: int) -> None:
    """Why time stands, and what makes it go on."""
    title, more = {
        "waits": ("Ready", "touch a control to drive" + (", G lets the policy drive" if session.has_policy else "")),
        "paused": ("Paused", "P goes on, . is one step, Backspace goes back"),
        "over": (
            f"Over: {_ENDINGS.get(session.ending, session.ending)}",
            "Enter: next start, N: next scene, Backspace: go back",
        ),
        "drives": ("", ""),
    }[session.mode]  # fmt: skip
    if not title:
        return
    wide = max(draw.textlength(title, _font(26)), draw.textlength(more, _font(16))) / 2 + 26
    draw.rounded_rectangle([x - wide, y - 36, x + wide, y + 38], 8, fill=(14, 16, 18), outline=_LINE)
    draw.text((x, y - 12), title, _TEXT, _font(26), anchor="mm")
    draw.text((x, y + 19), more, _FAINT, _font(16), anchor="mm")


def _panel(draw: ImageDraw.ImageDraw, session: Session, share: float, left: int, right: int) -> None:
    env, ego, top = session.env, session.env.sim_state.ego, _CAMERAS + 14
    _banner(draw, session, left, right, top)
    draw.text((left, top + 88), f"{abs(3.6 * ego[StateIndex.VX]):.0f}", _TEXT, _font(46), anchor="ls")
    after = left + draw.textlength(f"{abs(3.6 * ego[StateIndex.VX]):.0f}", _font(46)) + 8
    draw.text((after, top + 88), "km/h", _FAINT, _font(18), anchor="ls")
    driven = (len(env.history) - len(env.start.states)) * DT
    slow = share < 0.95 and session.mode == "drives"
    pace = f"slow motion, {share:.2f} of real time" if slow else "real time"
    draw.text((right, top + 68), f"{driven:.1f} s", _TEXT, _font(18), anchor="rs")
    draw.text((right, top + 88), pace, _BAD if slow else _FAINT, _font(14), anchor="rs")
    _hands(draw, session.controls, left, right, top + 100)
    _scores(draw, session, left, right, top + 134)
    _rewards(draw, session, left, right, top + 292)
    draw.text(
        (left, SIZE[1] - _HELP - 12),
        _fitting(draw, env.scene.id, right - left, 13),
        _FAINT,
        _font(13),
        anchor="ls",
    )
    _record(draw, session, left, SIZE[1] - _HELP - 36)


def _banner(draw: ImageDraw.ImageDraw, session: Session, left: int, right: int, top: int) -> None:
    """Who drives."""
    words = "YOU DRIVE" if session.by_person else f"{session.policy_name} drives"
    color = _STILL if session.mode == "over" else _PERSON if session.by_person else _POLICY
    draw.rounded_rectangle([left, top, right, top + 38], 7, fill=color)
    fitting = _fitting(draw, words, right - left - 24, 20)
    draw.text(((left + right) / 2, top + 19), fitting, (255, 255, 255), _font(20), anchor="mm")


def _hands(draw: ImageDraw.ImageDraw, controls: Controls, left: int, right: int, top: int) -> None:
    """Bars of wheel and pedals."""
    middle, half = (left + right) / 2, (right - left) / 2
    for y, share, color in (
        (top, -controls.steer, _PERSON),
        (
            top + 12,
            controls.throttle if not controls.brake else -controls.brake,
            _BAD if controls.brake else _GOOD,
        ),
    ):
        draw.rounded_rectangle([left, y, right, y + 7], 3, fill=_LINE)
        ends = sorted((middle, middle + half * share))
        draw.rectangle([ends[0], y, ends[1], y + 7], color)
        draw.line([middle, y - 1, middle, y + 8], _FAINT)


def _scores(draw: ImageDraw.ImageDraw, session: Session, left: int, right: int, top: int) -> None:
    """EPDMS of the drive so far, and what it is made of."""
    scores, half = session.info["epdms"], (right - left) / 2
    draw.text((left, top + 20), "EPDMS so far", _FAINT, _font(16), anchor="ls")
    draw.text((right, top + 21), f"{scores['score']:.2f}", _shade(scores["score"]), _font(26), anchor="rs")
    for place, (code, name) in enumerate(_NAMES.items()):
        value, column, row = scores[COLUMNS[code]], place % 2, place // 2
        x, y = left + column * (half + 8), top + 34 + 29 * row
        draw.text((x, y + 14), f"{code.upper()}", _FAINT, _font(13), anchor="ls")
        draw.text((x + 36, y + 14), name, _TEXT, _font(14), anchor="ls")
        draw.text((x + half - 8, y + 14), f"{value:.2f}", _shade(value), _font(14), anchor="rs")
        draw.rectangle([x, y + 18, x + half - 8, y + 20], _LINE)
        draw.rectangle([x, y + 18, x + (half - 8) * min(max(value, 0.0), 1.0), y + 20], _shade(value))


def _rewards(draw: ImageDraw.ImageDraw, session: Session, left: int, right: int, top: int) -> None:
    """What the last step was paid, and all of the drive."""
    paid = sum(session.terms.values())
    draw.text((left, top + 16), "Reward", _FAINT, _font(16), anchor="ls")
    draw.text((right, top + 16), f"{paid:+.3f}   sum {session.total:+.2f}", _TEXT, _font(16), anchor="rs")
    terms = sorted(session.terms.items(), key=lambda item: -abs(item[1]))
    shown = [f"{name} {value:+.3f}" for name, value in terms if abs(value) > 5e-4][:3]
    words = _fitting(draw, ", ".join(shown) or "nothing paid", right - left, 14)
    draw.text((left, top + 38), words, _FAINT, _font(14), anchor="ls")


def _record(draw: ImageDraw.ImageDraw, session: Session, left: int, bottom: int) -> None:
    count, seconds = session.taped
    if session.recording:
        draw.ellipse([left, bottom - 11, left + 11, bottom], _BAD if session.by_person else _STILL)
        words = f"{count} takeover{'' if count == 1 else 's'}, {seconds:.1f} s recorded"
        draw.text((left + 19, bottom), words, _TEXT, _font(15), anchor="ls")
    else:
        draw.text((left, bottom), "not recorded (--out DIR records)", _FAINT, _font(15), anchor="ls")


def _keys(draw: ImageDraw.ImageDraw, keys: Sequence[tuple[str, str]]) -> None:
    x, y = 14.0, SIZE[1] - _HELP / 2
    draw.rectangle([0, SIZE[1] - _HELP, *SIZE], (14, 16, 18))
    for key, does in keys:
        draw.text((x, y), key, _TEXT, _font(14), anchor="lm")
        x += draw.textlength(key, _font(14)) + 6
        draw.text((x, y), does, _FAINT, _font(14), anchor="lm")
        x += draw.textlength(does, _font(14)) + 18


def _shade(score: float) -> Color:
    return _GOOD if score > 0.99 else _BAD if score < 0.5 else (232, 186, 74)


def _fitting(draw: ImageDraw.ImageDraw, words: str, width: float, size: int) -> str:
    """``words``, cut in front where they are wider than ``width`` [px]."""
    cut = words
    while draw.textlength(cut, _font(size)) > width:
        cut = ".." + cut.removeprefix("..")[1:]
    return cut


@lru_cache(maxsize=16)
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)
