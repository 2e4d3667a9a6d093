"""Rules to choose from: for every path of values that no rule names, what it looks like and what could be done with it.

Told from names, types and shapes of the first items of each source table; no value is shown. A proposal is not advice:
whether a path says something about a person is for people to know.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import yaml

from runbook_lib.aws.dynamodb.describe.tables import describe_table, list_tables
from runbook_lib.aws.dynamodb.read.limiter import RateLimit
from runbook_lib.aws.dynamodb.read.scan import Segment, scan_items
from runbook_lib.aws.session.clients import Clients
from runbook_lib.config.model import Migration
from runbook_lib.items.canonical import Attribute, Item
from runbook_lib.masking.json_text import NotJson, read_json_text
from runbook_lib.masking.masker import REPLICATION
from runbook_lib.masking.paths import Path, Wild, looks_named, shown_path, spell_path
from runbook_lib.masking.rules import MaskRule, Verb, rules_inside, rules_of
from runbook_lib.plan.naming import select_tables

FEW = 20  # distinct values at most of what looks like a set of words
MANY = 40  # values at least, before few distinct ones mean anything
SHAPES = {
    "email": re.compile(r"[^\s@]+@[^\s@][^\s@.]*\.[^\s@]+"),  # each character in one place only
    "uuid": re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
    "date": re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ].*)?"),
    "digits": re.compile(r"[+(]?\d[\d ().\-/]{5,}\d"),
}
PERSON = re.compile(
    r"name|street|address|city|town|iban|account|card|token|secret|passw|code|ssn|tax|phone|mobile|msisdn|fax"
    r"|mail|licen[cs]e|post|zip|salary|(?<![a-z])(?:tel|cell|imei)(?![a-z])",
    re.IGNORECASE,
)
TEXT = re.compile(r"note|comment|message|description|text|body", re.IGNORECASE)
BIRTH = re.compile(r"birth|dob", re.IGNORECASE)
HOLDING = ("S", "N", "B", "SS", "NS", "BS")  # types whose values say something; others say that they are there
TAKEN = {"pseudonym": {*HOLDING, "NULL"}, "json": {"S", "NULL"}, "shift_date": {"S", "N", "NULL"}}  # else every type
NOTHING = "; nothing was in it: keep it only if nothing about people ever comes into it"
BESIDE = "; a rule for it would stand in the way of those for what is in the maps or lists beside it"


@dataclass(slots=True)
class PathShape:
    """What the values at one path look like, without the values; `inside` are those in JSON that they hold."""

    values: int = 0
    filled: int = 0
    longest: int = 0
    blanks: bool = False
    distinct: set[int] = field(default_factory=set)
    inside: dict[tuple[Path, str], PathShape] = field(default_factory=dict)
    shapes: set[str] = field(default_factory=lambda: {*SHAPES, "json"})

    def add(self, text: str) -> None:
        """Look at one more value."""
        self.values += 1
        if not text:  # it looks like nothing
            return
        self.filled += 1
        self.longest = max(self.longest, len(text))
        self.blanks = self.blanks or " " in text.strip()
        if len(self.distinct) <= FEW:
            self.distinct.add(hash(text))
        self.shapes &= {name for name in self.shapes if _has_shape(name, text)}
        if "json" in self.shapes and not _note_json(self.inside, text):
            self.shapes.discard("json")

    @property
    def is_few(self) -> bool:
        return self.filled >= MANY and len(self.distinct) <= FEW and self.longest <= 40


def _has_shape(name: str, text: str) -> bool:
    return text[:1] in "{[" if name == "json" else bool(SHAPES[name].fullmatch(text))


Shapes = dict[tuple[Path, str], PathShape]


def _note_json(shapes: Shapes, text: str) -> bool:
    """Look at the values in a JSON object or list; whether the text is one."""
    try:
        held = read_json_text(text)
    except NotJson:
        return False
    if not held.keys() & {"M", "L"}:
        return False
    if any(held.values()):
        for path, kind, value in _values(held, ()):
            shapes.setdefault((shown_path(path), kind), PathShape()).add(value)
    return True


def propose(config: Migration, clients: Clients, items: int) -> str:
    """The rules as YAML, a comment with type and count before each; at most so many items of each table are read."""
    known = config.transform.mask.as_rules if config.transform and config.transform.mask else ()
    lines: list[str] = []
    for table in sorted(select_tables(config, set(list_tables(clients.source)))):
        own = rules_of(known, table)
        limit = RateLimit(config.export.scan_max_rcu)
        facts = describe_table(clients.source, table)
        names = tuple(attribute.name for attribute in facts.key) if facts else ()
        read = scan_items(Segment(clients.source_wire, table, limit), names)
        shapes = shapes_of(islice(read, items))
        lines += proposals_for(table, shapes, own)
        lines += missing_inside(table, shapes, own)
    return "".join(lines) or "# every value has a rule\n"


def shapes_of(items: Iterable[Item]) -> Shapes:
    """What the values of items look like, by path and type."""
    shapes: Shapes = {}
    for item in items:
        for name, attribute in item.items():
            if name.startswith(REPLICATION):
                continue
            for path, kind, text in _values(attribute, (name,)):
                shapes.setdefault((shown_path(path), kind), PathShape()).add(text)
    return shapes


def _values(attribute: Attribute, path: Path) -> Iterator[tuple[Path, str, str]]:
    ((kind, value),) = attribute.items()
    if kind == "M" and value:
        for name, held in value.items():
            yield from _values(held, (*path, name if looks_named(name) else Wild.NAME))
    elif kind == "L" and value:
        for element in value:
            yield from _values(element, (*path, Wild.EACH))
    elif kind in ("SS", "NS", "BS"):
        yield from ((path, kind, member) for member in value)
    else:
        yield path, kind, value if isinstance(value, str) else ""


def _is_named(path: Path, rules: Sequence[MaskRule]) -> bool:
    """Whether a rule is for a path, or for all that lies below one above it."""
    return any(
        not rule.names and len(rule.steps) <= len(path)
        and all(step in (Wild.NAME, own) or own is Wild.NAME for step, own in zip(rule.steps, path, strict=False))
        and (len(rule.steps) == len(path) or rule.verb in (Verb.KEEP, Verb.DROP, Verb.NULL, Verb.CONSTANT))
        for rule in rules
    )  # fmt: skip


def proposals_for(
    table: str, shapes: Mapping[tuple[Path, str], PathShape], rules: Sequence[MaskRule] = ()
) -> Iterator[str]:
    """A rule for each path that none of the rules is for, as a line of YAML with a comment.

    One that is no more than a thought stands as a comment itself: without it the path goes on to block.
    """
    for path, kinds, wanted in _wanted(shapes, rules):
        rule = _spelled({"table": table, "path": spell_path(path)} | wanted.rule)
        yield f"{'# ' if wanted.doubt else ''}- {rule}  # {_told(kinds)}{wanted.doubt}\n"


def missing_inside(
    table: str, shapes: Mapping[tuple[Path, str], PathShape], rules: Sequence[MaskRule], above: str = ""
) -> Iterator[str]:
    """What rules for JSON in strings do not name in it, as comments: each belongs among the rules of its own rule."""
    for rule in rules:
        if rule.verb is not Verb.JSON:
            continue
        own, where = rules_inside(rule), f"{above}{rule.path}"
        for (path, _), shape in shapes.items():
            if path != shown_path(rule.steps):
                continue
            for at, kinds, wanted in _wanted(shape.inside, own):
                told = _spelled({"path": spell_path(at)} | wanted.rule)
                yield f"# into the rules of {where} ({table}): {told}  # {_told(kinds)}{wanted.doubt}\n"
            yield from missing_inside(table, shape.inside, own, f"{where}, ")


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a rule could say beside its path, and what speaks against it."""

    rule: dict[str, object]
    doubt: str = ""


def _wanted(
    shapes: Mapping[tuple[Path, str], PathShape], rules: Sequence[MaskRule] = ()
) -> Iterator[tuple[Path, list[tuple[str, PathShape]], _Wanted]]:
    """Each path that needs a rule, with its types and the rule."""
    paths = [*(path for path, _ in shapes), *(rule.steps for rule in rules)]
    above = {path[:most] for path in paths for most in range(1, len(path))}
    above |= {rule.steps for rule in rules if rule.names}
    for path, kinds in _by_path({at: shape for at, shape in shapes.items() if not _is_named(at[0], rules)}):
        wanted = _proposed(path, kinds, is_above=path in above)
        if wanted is not None:
            yield path, kinds, wanted


def _by_path(shapes: Mapping[tuple[Path, str], PathShape]) -> list[tuple[Path, list[tuple[str, PathShape]]]]:
    """Paths in the order of their names, each with its types, the most frequent first."""
    paths: dict[Path, list[tuple[str, PathShape]]] = {}
    for (path, kind), shape in shapes.items():
        paths.setdefault(path, []).append((kind, shape))
    return [(path, sorted(paths[path], key=lambda each: -each[1].values)) for path in sorted(paths, key=spell_path)]


def _spelled(rule: dict[str, object]) -> str:
    return yaml.safe_dump(rule, default_flow_style=True, sort_keys=False, width=10_000, allow_unicode=True).strip()


def _told(kinds: list[tuple[str, PathShape]]) -> str:
    return ", ".join(f"{kind} {shape.values:,}" for kind, shape in kinds)


def _proposed(path: Path, kinds: list[tuple[str, PathShape]], *, is_above: bool) -> _Wanted | None:
    """What to do with the values at a path, judged by each type that says something and not by the most frequent one.

    None where maps and lists, empty ones, and NULL need no rule, as what is in others of them has rules of its own.
    """
    name = next((step for step in reversed(path) if isinstance(step, str)), "value")
    types, holding = {kind for kind, _ in kinds}, [each for each in kinds if each[0] in HOLDING and each[1].filled]
    if is_above:
        return _Wanted({"with": "drop"}, BESIDE) if types - {"M", "L", "NULL"} else None
    if not holding and types & {"M", "L"}:
        return _Wanted({"with": "keep"}, NOTHING)
    if not holding and "BOOL" not in types:
        return _Wanted(_by_name(name))
    rule = _strictest(name, [_of_type(name, *each) for each in holding])
    return _Wanted(rule if types <= TAKEN.get(str(rule["with"]), types) else {"with": "drop"})


def _strictest(name: str, rules: list[dict[str, object]]) -> dict[str, object]:
    """The rule that hides what each of them hides."""
    hiding = [rule for rule in rules if rule["with"] != "keep"]
    verbs = {rule["with"] for rule in hiding}
    if len(verbs) <= 1:
        return hiding[0] if hiding else {"with": "keep"}
    return {"with": "drop"} if "drop" in verbs else _by_name(name)


def _by_name(name: str) -> dict[str, object]:
    if "mail" in name.lower():
        return {"with": "pseudonym", "form": "email", "domain": "email"}
    return {"with": "pseudonym", "form": "hex", "domain": name}


def _of_type(name: str, kind: str, shape: PathShape) -> dict[str, object]:
    if kind in ("B", "BS"):
        return {"with": "drop"}
    if "json" in shape.shapes and kind == "S":
        inner = [{"path": spell_path(at)} | wanted.rule for at, _, wanted in _wanted(shape.inside) if not wanted.doubt]
        return {"with": "json", "rules": inner or [{"path": "*"} | _by_name(name)]}
    if "email" in shape.shapes:
        return {"with": "pseudonym", "form": "email", "domain": "email"}
    if "uuid" in shape.shapes:
        return {"with": "pseudonym", "form": "uuid", "domain": name}
    if BIRTH.search(name) and kind in ("S", "N"):
        return {"with": "shift_date"}
    if "date" in shape.shapes:
        return {"with": "keep"}
    if PERSON.search(name) or (kind in ("S", "SS") and "digits" in shape.shapes):
        digits = kind in ("N", "NS") or "digits" in shape.shapes
        form = "digits" if digits else "name" if "name" in name.lower() else "hex"
        return {"with": "pseudonym", "form": form, "domain": name}
    if TEXT.search(name) or shape.longest > 60:
        return {"with": "drop"}
    if kind in ("N", "NS") or shape.is_few:
        return {"with": "keep"}
    return {"with": "pseudonym", "form": "hex", "domain": name}
