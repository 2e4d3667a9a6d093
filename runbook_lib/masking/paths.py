"""Paths of attributes in rules: `email`, `orders[*].contact.email`, `contacts.*`, `"a.b".c`."""

from __future__ import annotations

import re
from enum import Enum


class Wild(Enum):
    """The steps of a path that are no name."""

    NAME = "*"  # any name of a map, or of an item
    EACH = "[*]"  # every element of a list


Step = str | Wild
Path = tuple[Step, ...]
_TOKEN = re.compile(r'"((?:[^"\\]|\\["\\])+)"|(\[\*\])|(\*)(?![^.\[])|([^.\[\]"\s*]+)')


def parse_path(text: str) -> Path:
    """The steps of a path; raises ValueError for what is none."""
    steps: list[Step] = []
    at = 0
    while at < len(text):
        if steps and text[at] == ".":
            at += 1
        elif steps and text[at] != "[":
            raise ValueError(_unreadable(text, at))
        match = _TOKEN.match(text, at)
        if match is None or (match[2] and steps and text[at - 1] == "."):
            raise ValueError(_unreadable(text, at))
        if match[1] is not None:
            steps.append(re.sub(r"\\(.)", r"\1", match[1]))
        elif match[2]:
            steps.append(Wild.EACH)
        else:
            steps.append(Wild.NAME if match[3] else match[4])
        at = match.end()
    if not steps or text.endswith("."):
        raise ValueError(_unreadable(text, at))
    return tuple(steps)


def _unreadable(text: str, at: int) -> str:
    return (
        f"path {text!r} cannot be read at character {at + 1}; a path is spelled like email, orders[*].contact.email, "
        'contacts.* or "a.b".c'
    )


def spell_path(path: Path) -> str:
    """A path as a rule spells it."""
    said = ""
    for step in path:
        if step is Wild.EACH:
            said += "[*]"
            continue
        said += "." if said else ""
        said += "*" if step is Wild.NAME else _spell_name(str(step))
    return said


def _spell_name(name: str) -> str:
    if re.fullmatch(r'[^.\[\]"\s*]+', name):
        return name
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
