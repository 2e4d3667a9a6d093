"""Write the drawing and the table of packages in docs/architecture.md from the import contracts and the docstrings.

Run it as `python -m tools.architecture_page` after a package or a contract changed; a test holds the page to it.
"""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "architecture.md"
LIBRARY = ROOT / "runbook_lib"
WIDTH = 78


def layers() -> list[list[str]]:
    """The packages of the layers contract, top first; packages of one layer do not import each other."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    layered = next(c for c in contracts if c["type"] == "layers")
    return [re.split(r"\s*[|:]\s*", layer) for layer in layered["layers"]]


def drawing() -> str:
    """The layers as boxes, one above the other."""
    edge = "+" + "-" * WIDTH + "+"
    rows = [edge]
    for layer in layers():
        rows += ["|" + "      ".join(layer).center(WIDTH) + "|", edge]
    return "```text\n" + "\n".join(rows) + "\n```\n"


def summary(path: Path) -> str:
    """The first sentence of a module's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.partition("\n\n")[0].replace("\n", " ")


def packages() -> str:
    """A row for each package: what it is for, and its modules."""
    rows = ["| package | what it is for | modules |", "|---|---|---|"]
    for init in sorted(LIBRARY.rglob("__init__.py"), key=lambda p: p.parts):
        folder = init.parent
        if folder == LIBRARY or folder.name == "templates":
            continue
        names = sorted(p.stem for p in folder.glob("*.py") if not p.stem.startswith("__"))
        modules = ", ".join(f"`{name}`" for name in names)
        rows.append(f"| `{folder.relative_to(LIBRARY).as_posix()}/` | {summary(init)} | {modules} |")
    return "\n".join(rows) + "\n"


def page(text: str) -> str:
    """The page with both generated parts as they should be."""
    for name, made in (("drawing", drawing()), ("packages", packages())):
        begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise SystemExit(f"{PAGE.name}: expected the markers {begin.strip()} and {end}, found none")
        text = before + begin + made + end + after
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
