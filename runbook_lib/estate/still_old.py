"""What a text still names of the source after it is mapped: said where it stands, so that somebody looks at it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from runbook_lib.estate.resource import Unexpressed
from runbook_lib.estate.text_parts import Hole, OfPlace, OwnArn, PartedText
from runbook_lib.estate.text_rule import TextRule

NAME = "A-Za-z0-9_-"


def old_words(rule: TextRule) -> re.Pattern[str] | None:
    """What names the source: its region and account where they change, and names that are called otherwise."""
    old = {name for name, new in rule.known.items() if name != new} - set(rule.known.values())
    words = [rf"(?<![{NAME}]){re.escape(name)}(?!\.?[{NAME}])" for name in sorted(old, key=len, reverse=True)]
    if rule.source.region != rule.target.region:
        words.append(rf"(?<![a-z0-9]){re.escape(rule.source.region)}(?!\d)")
    if rule.source.account != rule.target.account:
        words.append(rf"(?<!\d){rule.source.account}(?!\d)")
    return re.compile("|".join(words)) if words else None


def still_old(label: str, properties: Mapping[str, Any], words: re.Pattern[str] | None) -> Iterator[Unexpressed]:
    """The places of a mapped resource where a text still has one of these words."""
    for way, text in _texts(properties) if words else ():
        for name in sorted(set(words.findall(text))) if words else ():
            why = f"it still names {name} of the source, in a text that is not taken apart: set it by hand"
            yield Unexpressed(f"{label}, {way}", why)


def _texts(value: Any, way: str = "") -> Iterator[tuple[str, str]]:
    """Every text with the way to it; what is of the target's place, and what a person says, is no part of it."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _texts(inner, f"{way}.{name}" if way else str(name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _texts(inner, f"{way}[{number}]")
    elif isinstance(value, PartedText):
        yield way, "".join("\x00" if isinstance(p, OfPlace | OwnArn | Hole) else p for p in value.parts)
    elif isinstance(value, str):
        yield way, value
