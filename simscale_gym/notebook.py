"""How scenes, plans and scores look in notebooks.

Packages of data know nothing of pictures, so IPython is told by name what to show for their records; nothing loads
before one is shown. Films show themselves (:class:`simscale_gym.viewer.Film`).
"""

from __future__ import annotations

import html
import io
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from simscale_gym.agents import ExpertPlan
    from simscale_gym.evaluation import Evaluation
    from simscale_gym.metrics import Scores
    from simscale_gym.scene import Scene

_MOST_ROWS = 20
_SIZE, _SCALE = (900, 520), 4.0  # of the view from above [px], [px/m]
_REACH = 12.0  # [px/m] of a plan


def show_richly(shell: Any) -> None:
    """Have an IPython ``shell`` show what this module can draw."""
    for kind, module, name, make in _SHOWN:
        shell.display_formatter.formatters[kind].for_type_by_name(f"simscale_gym.{module}", name, make)


def scene_png(scene: Scene) -> bytes:
    """A scene from above in the middle of its log: road, road users, and the way of the recorded ego."""
    from simscale_gym.agents.log_replay import logged_traffic
    from simscale_gym.sim import SimState
    from simscale_gym.viewer import Overlay, draw_bev

    frame, nothing = scene.num_frames // 2, np.zeros((0, 3))
    state = SimState(frame, scene.ego.states[frame], logged_traffic(scene, frame))
    picture, file = (
        draw_bev(scene, state, Overlay(scene.ego.poses, nothing, nothing), *_SIZE, _SCALE),
        io.BytesIO(),
    )
    picture.save(file, "PNG")
    return file.getvalue()


def plan_html(plan: ExpertPlan) -> str:
    """A plan from above, the ego at the bottom and heading up, a dot every half second; its figures beside."""
    ahead = np.concatenate([np.zeros((1, 2)), plan.poses[:, :2]])
    low, high = ahead.min(0) - 2.0, ahead.max(0) + 2.0
    pixels = np.stack([high[1] - ahead[:, 1], high[0] - ahead[:, 0]], axis=1)
    scale = min(_REACH, 360.0 / float((high - low)[0]))
    pixels = pixels * scale
    width, height = (high - low)[::-1] * scale
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in pixels)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in pixels[5::5])
    color = "#2a9d4a" if plan.valid else "#c0392b"
    drawing = (
        f'<svg width="{max(width, 40):.0f}" height="{height:.0f}" fill="{color}">'
        f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="2"/>{dots}</svg>'
    )
    rows = {"valid": str(plan.valid), "way in 4 s [m]": f"{np.hypot(*np.diff(ahead, axis=0).T).sum():.1f}"}
    rows |= {name: f"{value:.3g}" for name, value in plan.scores.items()}
    return f'<div style="display: flex; gap: 2em">{drawing}{_table((), [list(row) for row in rows.items()])}</div>'


def scores_html(scores: Scores) -> str:
    """A row of NAVSIM's subscores for each proposal."""
    columns = scores.columns()
    rows = [
        [str(k), *(f"{columns[name][k]:.2f}" for name in columns)]
        for k in range(min(len(scores), _MOST_ROWS))
    ]
    rest = f"<p>and {len(scores) - _MOST_ROWS} more</p>" if len(scores) > _MOST_ROWS else ""
    return _table(["proposal", *columns], rows) + rest


def evaluation_html(result: Evaluation) -> str:
    """The table of an evaluation, as it is printed."""
    return f"<pre>{html.escape(str(result.table()))}</pre>"


def _table(head: Any, rows: list[list[str]]) -> str:
    def cells(row: Any, tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(str(cell))}</{tag}>" for cell in row) + "</tr>"

    return f"<table>{cells(head, 'th') if head else ''}{''.join(cells(row, 'td') for row in rows)}</table>"


_SHOWN = (
    ("image/png", "scene.scene", "Scene", scene_png),
    ("text/html", "agents.expert", "ExpertPlan", plan_html),
    ("text/html", "metrics.score", "Scores", scores_html),
    ("text/html", "evaluation.evaluation", "Evaluation", evaluation_html),
)
