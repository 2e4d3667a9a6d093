"""Rules to choose from: for every path of values that no rule names, what it looks like and what could be done with it.

Told from names, types and shapes of the first items of each source table; no value is shown. A proposal is not advice:
whether a path says something about a person is for people to know.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import yaml

from runbook_lib.aws.dynamodb.describe.tables import describe_table, list_tables
from runbook_lib.aws.dynamodb.read.limiter import RateLimit
from runbook_lib.aws.dynamodb.read.scan import Segment, scan_items
from runbook_lib.aws.session.clients import Clients
from runbook_lib.config.model import Migration
from runbook_lib.errors import ConfigError
from runbook_lib.masking.paths import Path, spell_path
from runbook_lib.masking.rules import MaskRule, Verb, rules_inside, rules_of
from runbook_lib.plan.naming import select_tables
from runbook_lib.transform.proposal.shapes import PathShape, Shapes, ShapesMet, is_named, shapes_of

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


def propose(config: Migration, clients: Clients, items: int) -> str:
    """The rules as YAML, a comment with type and count before each; at most so many items of each table are read."""
    known = config.transform.mask.as_rules if config.transform and config.transform.mask else ()
    lines: list[str] = []
    for table in sorted(select_tables(config, set(list_tables(clients.source)))):
        try:
            own = rules_of(known, table)
        except ValueError as error:
            raise ConfigError(f"transform.mask.rules: {table}: {error}") from None
        limit = RateLimit(config.export.scan_max_rcu)
        facts = describe_table(clients.source, table)
        names = tuple(attribute.name for attribute in facts.key) if facts else ()
        read = scan_items(Segment(clients.source_wire, table, limit), names)
        shapes = shapes_of(islice(read, items))
        lines += proposals_for(table, shapes, own)
        lines += missing_inside(table, shapes, own)
    return "".join(lines) or "# every value has a rule\n"


def proposals_for(table: str, shapes: ShapesMet, rules: Sequence[MaskRule] = ()) -> Iterator[str]:
    """A rule for each path that none of the rules is for, as a line of YAML with a comment.

    One that is no more than a thought stands as a comment itself: without it the path goes on to block.
    """
    for path, kinds, wanted in _wanted(shapes.shown(rules), rules):
        rule = _spelled({"table": table, "path": spell_path(path)} | wanted.rule)
        yield f"{'# ' if wanted.doubt else ''}- {rule}  # {_told(kinds)}{wanted.doubt}\n"


def missing_inside(table: str, shapes: ShapesMet, rules: Sequence[MaskRule], above: str = "") -> Iterator[str]:
    """What rules for JSON in strings do not name in it, as comments: each belongs among the rules of its own rule."""
    for rule in rules:
        if rule.verb is not Verb.JSON:
            continue
        own, where = rules_inside(rule), f"{above}{rule.path}"
        (shown,) = shapes.names.shown([rule.steps]).values()
        for (path, _), shape in shapes.shown(rules).items():
            if path != shown:
                continue
            for at, kinds, wanted in _wanted(shape.inside.shown(own), own):
                told = _spelled({"path": spell_path(at)} | wanted.rule)
                yield f"# into the rules of {where} ({table}): {told}  # {_told(kinds)}{wanted.doubt}\n"
            yield from missing_inside(table, shape.inside, own, f"{where}, ")


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a rule could say beside its path, and what speaks against it."""

    rule: dict[str, object]
    doubt: str = ""


def _wanted(
    shapes: Shapes, rules: Sequence[MaskRule] = ()
) -> Iterator[tuple[Path, list[tuple[str, PathShape]], _Wanted]]:
    """Each path that needs a rule, with its types and the rule."""
    paths = [*(path for path, _ in shapes), *(rule.steps for rule in rules)]
    above = {path[:most] for path in paths for most in range(1, len(path))}
    above |= {rule.steps for rule in rules if rule.names}
    for path, kinds in _by_path({at: shape for at, shape in shapes.items() if not is_named(at[0], rules)}):
        wanted = _proposed(path, kinds, is_above=path in above)
        if wanted is not None:
            yield path, kinds, wanted


def _by_path(shapes: Shapes) -> list[tuple[Path, list[tuple[str, PathShape]]]]:
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
        inside = _wanted(shape.inside.shown())
        inner = [{"path": spell_path(at)} | wanted.rule for at, _, wanted in inside if not wanted.doubt]
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
