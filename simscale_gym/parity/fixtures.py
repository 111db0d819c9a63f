"""Compare our scores with NAVSIM's own numbers on a file of fixtures, list by list and subscore by subscore.

A fixtures file (JSON, gzip or plain) holds inputs together with what NAVSIM's unmodified code computed from them.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from simscale_gym.errors import DataError
from simscale_gym.parity.checks import CHECKS, TOLERANCE, Report, make_situation

_WIDTH = 100  # columns of the printed table


def run_parity(path: str | Path) -> bool:
    """Compare with the fixtures file at ``path`` and print how many values agree.

    Returns:
        Whether all do.

    Raises:
        DataError: The file cannot be read or does not have the fixtures' form.
    """
    fixtures = read_fixtures(Path(path))
    report = compare(fixtures, path)
    table = Table(title=f"Agreement with NAVSIM: {Path(path).name}")
    for column in ("list", "value", "agree", "worst"):
        justify = "right" if column in ("agree", "worst") else "left"
        table.add_column(column, justify=justify, no_wrap=True)
    previous = ""
    for row in report.rows.values():
        style = None if row.agree == row.total else "bold red"
        group = "" if row.group == previous else row.group
        table.add_row(group, row.name, f"{row.agree} of {row.total}", f"{row.worst:.1e}", style=style)
        previous = row.group
    console = Console(width=_WIDTH)
    console.print(table)
    for name in (name for name in fixtures if name not in CHECKS and name != "meta"):
        console.print(f"{name}: not compared.", highlight=False)
    total, agree = (sum(getattr(row, key) for row in report.rows.values()) for key in ("total", "agree"))
    console.print(f"{agree} of {total} values agree within {TOLERANCE:g}.", highlight=False)
    return report.agrees


def read_fixtures(path: Path) -> dict[str, Any]:
    """The lists of a fixtures file, gzip or plain."""
    try:
        raw = path.read_bytes()
        fixtures = json.loads(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw)
    except OSError as error:
        raise DataError(path, found=str(error), expected="a readable fixtures file") from error
    except (ValueError, EOFError, RecursionError, zlib.error) as error:
        raise DataError(path, found=f"no JSON ({error})", expected="JSON, plain or gzip") from error
    if not isinstance(fixtures, dict) or not isinstance(fixtures.get("situations"), list):
        raise DataError(path, field="situations", found="nothing", expected="a list of situations")
    return fixtures


def compare(fixtures: Mapping[str, Any], path: object = "fixtures") -> Report:
    """Run ours on the inputs of all lists that we know and compare the outputs."""
    report = Report()
    situations = {}
    for name, check in CHECKS.items():
        for i, item in enumerate(fixtures.get(name, ())):
            try:
                if name == "situations":
                    situations[item["name"]] = (make_situation(item), np.array(item["ego_initial"], float))
                check(report, item, situations)
            except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
                reason = f"no {error}" if isinstance(error, KeyError) else str(error)
                raise DataError(
                    path, field=f"{name}[{i}]", found=reason, expected="an item of the fixtures' form"
                ) from error
    return report
