"""Every text of the library as its code spells it, so that docs can be held against it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from inspect import getmembers, isclass
from pathlib import Path

from runbook_lib import errors
from runbook_lib.config.check_ids import CheckId, words

ROOT = Path(__file__).resolve().parents[2] / "runbook_lib"
GAP = "\u2026"  # stands for what differs from case to case
# The tree of errors.py, what is made of it elsewhere, and the name a kind has where it is chosen.
KINDS = {name for name, _ in getmembers(errors, isclass)} | {"MissingObject", "Stopped", "kind"}


@cache
def texts() -> set[str]:
    """Every string of the library but its docstrings; what is filled in is a gap."""
    return {spelled for tree in _trees() for node in _strings(tree) if (spelled := _spell(node)).strip()}


def raised() -> set[str]:
    """What the library's errors say in its own words; a mere gap passes another text on."""
    found = set()
    for tree in _trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS:
                spelled = max(map(_spell, node.args), key=len, default="")
                if spelled.strip(GAP + ": "):
                    found.add(spelled)
    return found


def looks() -> set[str]:
    """The names of all looks."""
    return {words(check) for check in CheckId}


def fits(quote: str, text: str) -> bool:
    """Whether a text has the quote in it; `...` in a quote stands for anything."""
    return bool(_pattern(quote).search(text))


@cache
def _pattern(quote: str) -> re.Pattern[str]:
    parts = [
        re.escape(part) for part in re.split(r"\s*(?<!\.)\.\.\.\s*", quote.removeprefix("...").removesuffix("..."))
    ]
    return re.compile(r".*?".join(parts), re.DOTALL)


def _trees() -> Iterator[ast.Module]:
    for file in ROOT.rglob("*.py"):
        if "sandbox" not in file.parts:
            yield ast.parse(file.read_text(encoding="utf-8"))


def _strings(tree: ast.Module) -> Iterator[ast.expr]:
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr | ast.BinOp | ast.Constant) and id(node) not in docs:
            yield node


def _spell(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(_spell(v) if isinstance(v, ast.Constant) else GAP for v in node.values)
    return _spell(node.left) + _spell(node.right) if isinstance(node, ast.BinOp) else GAP
