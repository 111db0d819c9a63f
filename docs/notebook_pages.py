"""Write the pages of the notebooks, docs/notebooks/*.md: their text and code; with --run also what they show.

python docs/notebook_pages.py [--run]
"""

from __future__ import annotations

import argparse
import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jupytext

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "examples" / "notebooks").glob("*.py"))


def page(path: Path, folder: Path, *, run: bool) -> str:
    """Text of the page of a notebook; pictures go into ``folder``."""
    notebook = jupytext.read(path)
    if run:
        from nbclient import NotebookClient

        NotebookClient(notebook, timeout=900, kernel_name="python3").execute()
    parts = []
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            parts.append(cell.source)
        elif cell.source:
            parts.append(f"```python\n{cell.source}\n```")
            parts += shown(cell.get("outputs", ()), folder, f"{path.stem}-{number}")
    first, *rest = parts
    where = (
        f"Open `examples/notebooks/{path.name}` in Jupyter (`pip install jupytext`), or run it as a script."
    )
    return "\n\n".join([first, f"*{where}*", *rest]) + "\n"


def shown(outputs: Any, folder: Path, name: str) -> Iterator[str]:
    """What a cell shows, as Markdown."""
    for count, output in enumerate(outputs):
        data = output.get("data", {})
        if "image/png" in data:
            (folder / f"{name}-{count}.png").write_bytes(base64.b64decode(data["image/png"]))
            yield f"![what the cell shows]({name}-{count}.png)"
        elif "text/html" in data:
            yield "".join(data["text/html"])
        elif "text/plain" in data or output.get("name") == "stdout":
            yield f"```text\n{''.join(data.get('text/plain') or output['text']).rstrip()}\n```"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", action="store_true", help="run them (minutes), and show what they show")
    args = parser.parse_args()
    out = ROOT / "docs" / "notebooks"
    out.mkdir(exist_ok=True)
    for notebook_path in NOTEBOOKS:
        (out / f"{notebook_path.stem}.md").write_text(
            page(notebook_path, out, run=args.run), encoding="utf-8"
        )
