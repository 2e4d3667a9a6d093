"""Rules of a mask: what is done with the values at a path, and which of several rules that fit a path is taken."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fnmatch import fnmatchcase

from runbook_lib.masking.paths import Path, Wild, parse_path
from runbook_lib.masking.pseudonyms import Form

PART = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Verb(StrEnum):
    """What is done with a value."""

    KEEP = "keep"
    DROP = "drop"
    NULL = "null"
    CONSTANT = "constant"
    PSEUDONYM = "pseudonym"
    TEMPLATE = "template"
    SHIFT_DATE = "shift_date"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class TemplatePart:
    """What stands in a template's braces: kept, or made a pseudonym of a form in a domain."""

    verb: Verb = Verb.PSEUDONYM
    form: Form | None = None
    domain: str | None = None


@dataclass(frozen=True, slots=True)
class MaskRule:
    """One rule. `domain` decides which values are equal; `names` is for the names of a map, not for its values."""

    table: str
    path: str
    verb: Verb
    form: Form | None = None
    domain: str | None = None
    length: int | None = None
    constant: str | int | float | bool | None = None
    templates: tuple[str, ...] = ()
    parts: dict[str, TemplatePart] = field(default_factory=dict, hash=False)
    days: int = 365
    by: str | None = None
    names: bool = False
    rules: tuple[MaskRule, ...] = ()

    @property
    def steps(self) -> Path:
        return parse_path(self.path)

    @property
    def name(self) -> str:
        """What the rule is called in a report."""
        return f"{self.table}: {self.path} {'names ' if self.names else ''}{self.verb}"

    @property
    def is_sought(self) -> bool:
        """Whether the raw values at its path may not be in a target: masked, or of a domain that masks."""
        return self.verb != Verb.KEEP or self.domain is not None


def rules_of(rules: tuple[MaskRule, ...], table: str) -> list[MaskRule]:
    """The rules for a table: of those with the same path the one that names the table, whatever their order.

    Raises ValueError where two say different things of the same path.
    """
    chosen: dict[tuple[Path, bool], MaskRule] = {}
    for rule in rules:
        if rule.table != table and not fnmatchcase(table, rule.table):
            continue
        place = rule.steps, rule.names
        other = chosen.get(place)
        if other is None or (rule.table == table != other.table):
            chosen[place] = rule
        elif not (other.table == table != rule.table) and not _agree(rule, other):
            raise ValueError(
                f"two rules of transform.mask say what becomes of {rule.path} in {table}: one for tables "
                f"{other.table!r} and one for {rule.table!r}; leave one of them out, or name the table in one"
            )
    return [chosen[place] for place in sorted(chosen, key=_spelled)]


def rules_inside(rule: MaskRule) -> list[MaskRule]:
    """The rules for the JSON in the strings at a rule's path, whatever their order.

    Raises ValueError where two say different things of the same path.
    """
    chosen: dict[tuple[Path, bool], MaskRule] = {}
    for inner in rule.rules:
        other = chosen.setdefault((inner.steps, inner.names), inner)
        if not _agree(other, inner):
            raise ValueError(
                f"two rules for the JSON at {rule.path} say what becomes of {inner.path}: {other.verb} and "
                f"{inner.verb}; leave one of them out"
            )
    return [replace(chosen[place], table=rule.table) for place in sorted(chosen, key=_spelled)]


def _agree(one: MaskRule, other: MaskRule) -> bool:
    return (one.verb, one.form, one.domain, one.length, one.constant, one.templates, one.parts, one.days, one.by,
            one.rules) == (other.verb, other.form, other.domain, other.length, other.constant, other.templates,
                           other.parts, other.days, other.by, other.rules)  # fmt: skip


def _spelled(place: tuple[Path, bool]) -> tuple[list[str], bool]:
    return [step.value + "\0" if isinstance(step, Wild) else step for step in place[0]], place[1]


def longest(pattern: re.Pattern[str]) -> re.Pattern[str]:
    """A template's pattern whose parts take as much as they can; a text that it reads otherwise is unclear."""
    return re.compile(pattern.pattern.replace(".+?)", ".+)"), re.DOTALL)


def split_template(template: str) -> tuple[re.Pattern[str], list[str | tuple[str]]]:
    """What a template matches, and its pieces: literal texts, and the names of its parts as tuples of one.

    Raises ValueError for a template without parts, with the same part twice, or with two that nothing divides.
    """
    pieces: list[str | tuple[str]] = []
    at, pattern = 0, ""
    for match in PART.finditer(template):
        literal = template[at : match.start()]
        if not literal and pieces:
            raise ValueError(f"template {template!r}: nothing divides {{{match[1]}}} from the part before it")
        if literal:
            pieces.append(literal)
            pattern += re.escape(literal)
        if (match[1],) in pieces:
            raise ValueError(f"template {template!r} has the part {{{match[1]}}} twice")
        pieces.append((match[1],))
        last = match.end() == len(template)
        pattern += f"(?P<{match[1]}>{'.+' if last else '.+?'})"
        at = match.end()
    rest = template[at:]
    if not any(isinstance(piece, tuple) for piece in pieces):
        raise ValueError(f"template {template!r} has no part in braces, like CUSTOMER#{{email}}")
    if rest:
        pieces.append(rest)
        pattern += re.escape(rest)
    if re.search(r"[{}]", "".join(piece for piece in pieces if isinstance(piece, str))):
        raise ValueError(f"template {template!r} has braces that are no part; a part is spelled {{name}}")
    return re.compile(pattern, re.DOTALL), pieces
