"""Rules of a mask: what is done with the values at a path, and which of several rules that fit a path is taken."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import lru_cache

from runbook_lib.masking.paths import Path, Wild, parse_path
from runbook_lib.masking.pseudonyms import Form

Span = tuple[int, int]
PART = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


_steps = lru_cache(maxsize=1 << 16)(parse_path)  # one path is asked for by every table that its rule is for


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
    line: int | None = field(default=None, compare=False)  # of the migration file

    @property
    def steps(self) -> Path:
        return _steps(self.path)

    @property
    def names_its_table(self) -> bool:
        return not is_glob(self.table)

    @property
    def name(self) -> str:
        """What the rule is called in a report."""
        return f"{self.table}: {self.path} {'names ' if self.names else ''}{self.verb}"

    @property
    def told_table(self) -> str:
        """Its table, and where the rule stands, for a sentence."""
        return f"{self.table!r}" if self.line is None else f"{self.table!r}, line {self.line}"

    @property
    def is_sought(self) -> bool:
        """Whether the raw values at its path may not be in a target: masked, or of a domain that masks."""
        return self.verb != Verb.KEEP or self.domain is not None


def is_glob(table: str) -> bool:
    """Whether a rule's table stands for all that match it; no table's own name has one of these characters."""
    return any(sign in table for sign in "*?[")


def rules_of(rules: tuple[MaskRule, ...], table: str) -> list[MaskRule]:
    """The rules for a table: of those with the same path the one that names the table, whatever their order.

    Raises ValueError where two say different things of the same path.
    """
    chosen: dict[tuple[Path, bool], MaskRule] = {}
    for rule in rules:
        if rule.table != table and not (is_glob(rule.table) and fnmatchcase(table, rule.table)):
            continue
        place = rule.steps, rule.names
        other = chosen.get(place)
        if other is None or (rule.table == table != other.table):
            chosen[place] = rule
        elif not (other.table == table != rule.table) and not _agree(rule, other):
            raise ValueError(
                f"two rules of transform.mask say what becomes of {rule.path}: one for tables {other.told_table}, and "
                f"one for {rule.told_table}; leave one of them out, or name the table in one"
            )
    return [chosen[place] for place in sorted(chosen, key=_spelled)]


class RulesByTable:
    """Rules, of which those that name another table than the asked one are not gone through."""

    def __init__(self, rules: Iterable[MaskRule]) -> None:
        self._named: dict[str, list[MaskRule]] = {}
        self._globs: list[MaskRule] = []
        for rule in rules:
            (self._named.setdefault(rule.table, []) if rule.names_its_table else self._globs).append(rule)

    def of(self, table: str) -> tuple[MaskRule, ...]:
        """All that may be for a table; `rules_of` chooses."""
        return (*self._named.get(table, ()), *self._globs)


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


@dataclass(frozen=True, slots=True)
class Template:
    """What stands before the first part of a text, and each part with what stands behind it.

    A text is divided in one pass from either end, in time that grows with its length alone.
    """

    before: str
    parts: tuple[str, ...]
    behind: tuple[str, ...]  # of which only the last may be empty

    @property
    def literals(self) -> tuple[str, ...]:
        return tuple(literal for literal in (self.before, *self.behind) if literal)

    def spans(self, text: str) -> list[Span] | None:
        """Where the parts stand, each as short as it can be, the first ones first; None for a text of another shape."""
        at, last, found = len(self.before), len(text) - len(self.behind[-1]), list[Span]()
        if not (text.startswith(self.before) and text.endswith(self.behind[-1])):
            return None
        for literal in self.behind[:-1]:
            end = text.find(literal, at + 1, last)
            if end < 0:
                return None
            found.append((at, end))
            at = end + len(literal)
        return [*found, (at, last)] if at < last else None

    def is_unclear(self, text: str, spans: list[Span]) -> bool:
        """Whether a text could be divided in another way than at these places, the first that there are."""
        end, last = len(text) - len(self.behind[-1]), list[Span]()
        for literal in reversed(self.behind[:-1]):
            at = text.rfind(literal, 0, end - 1)
            last.append((at + len(literal), end))
            end = at
        return [*last, (len(self.before), end)] != spans[::-1]


@dataclass(frozen=True, slots=True)
class ReadTemplate:
    """A text as one of a rule's templates divides it; unclear where part is kept that another reading would mask."""

    number: int
    spans: list[Span]
    is_unclear: bool


class TemplateReader:
    """Reads texts by the templates of a rule: by the first that fits."""

    def __init__(self, rule: MaskRule) -> None:
        self.templates = tuple(map(split_template, rule.templates))
        self._kept = [[_keeps(rule, part) for part in template.parts] for template in self.templates]

    def read(self, text: str) -> ReadTemplate | None:
        """None for a text that no template fits."""
        for number, template in enumerate(self.templates):
            spans = template.spans(text)
            if spans is not None:
                return ReadTemplate(number, spans, self._is_unclear(number, text, spans))
        return None

    def is_kept(self, number: int, part: int) -> bool:
        return self._kept[number][part]

    def _is_unclear(self, number: int, text: str, spans: list[Span]) -> bool:
        kept = [span for span, keeps in zip(spans, self._kept[number], strict=True) if keeps]
        if not kept:
            return False
        others = range(number + 1, len(self.templates))
        return self.templates[number].is_unclear(text, spans) or any(self._masks(n, text, kept) for n in others)

    def _masks(self, number: int, text: str, kept: list[Span]) -> bool:
        """Whether another template fits, too, and would mask some of what is kept."""
        template = self.templates[number]
        spans = template.spans(text)
        if spans is None:
            return False
        masked = [span for span, keeps in zip(spans, self._kept[number], strict=True) if not keeps]
        return bool(masked) and (
            template.is_unclear(text, spans) or any(at < to and start < end for at, end in masked for start, to in kept)
        )


def _keeps(rule: MaskRule, part: str) -> bool:
    return part in rule.parts and rule.parts[part].verb is Verb.KEEP


def split_template(template: str) -> Template:
    """What a template says; raises ValueError for one without parts, with the same part twice, or undivided ones."""
    found = list(PART.finditer(template))
    if not found:
        raise ValueError(f"template {template!r} has no part in braces, like CUSTOMER#{{email}}")
    parts = tuple(match[1] for match in found)
    ends = [*(match.start() for match in found[1:]), len(template)]
    behind = tuple(template[match.end() : end] for match, end in zip(found, ends, strict=True))
    for number, part in enumerate(parts):
        if number and not behind[number - 1]:
            raise ValueError(f"template {template!r}: nothing divides {{{part}}} from the part before it")
        if part in parts[:number]:
            raise ValueError(f"template {template!r} has the part {{{part}}} twice")
    made = Template(template[: found[0].start()], parts, behind)
    if re.search(r"[{}]", "".join(made.literals)):
        raise ValueError(f"template {template!r} has braces that are no part; a part is spelled {{name}}")
    return made
