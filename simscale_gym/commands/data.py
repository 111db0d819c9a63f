"""What a data set holds, in words and in pictures."""

from __future__ import annotations

import json
from collections import Counter

from rich.console import Console

from simscale_gym.commands.contact_sheet import draw_sheet
from simscale_gym.commands.data_settings import Info, Show
from simscale_gym.datagen import DataSet


def run_data(settings: Info | Show) -> None:
    """Say or show what is in a data set.

    Raises:
        DataError: It is no data set, or a damaged one.
    """
    if isinstance(settings, Show):
        draw_sheet(settings)
        return
    data_set, console = DataSet(settings.folder), Console(soft_wrap=True, highlight=False, markup=False)
    rows = data_set.rows
    columns = {name: rows.column(name).to_pylist() for name in ("kind", "expert", "round", "scene", "bytes")}
    size, scenes = sum(columns["bytes"]), len(set(columns["scene"]))
    console.print(f"{len(rows)} samples of {scenes} scenes, {size / 1e6:.1f} MB")
    counts = Counter(zip(columns["kind"], columns["expert"], columns["round"], strict=True))
    for (kind, expert, round_index), count in sorted(counts.items()):
        console.print(f"  {kind}, label of {expert}, round {round_index + 1}: {count}")
    console.print(f"made by simscale-gym {data_set.recipe['version']}: {json.dumps(data_set.recipe['spec'])}")
