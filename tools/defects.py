"""A catalogue of planted defects: what each does to a migrated table and what the comparison must say.

`python -m tools.defects` plants them all and writes the results into docs/validation.md.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runbook_lib.items.canonical import canonical_json, digest
from runbook_lib.items.keyed import RunSecret
from runbook_lib.items.keys import KeyAttribute, key_of
from runbook_lib.run.facts.load import ImportFact, ImportStatus
from runbook_lib.run.witnesses.source_ttl import Excuse
from runbook_lib.validate.bucket_digest import BucketDigest
from runbook_lib.validate.compare import Comparison, Rules, compare
from runbook_lib.validate.reconcile import disagreements

PAGE = Path(__file__).resolve().parents[1] / "docs" / "validation.md"
BEGIN, END = "<!-- defects: written by `python -m tools.defects` -->", "<!-- end of defects -->"
KEY = (KeyAttribute("id", "S", "HASH"), KeyAttribute("at", "N", "RANGE"))
NOW = 1_700_000_000
YEAR = 365 * 86_400
TTL = "ttl"
Item = dict[str, Any]
DIGITS = "1234567890123456789012345678901234567"  # 37 of them


def item(number: int, **more: Any) -> Item:
    """One item with every type, some of them nested."""
    return {
        "id": {"S": f"loan-{number:03}"},
        "at": {"N": str(number)},
        "name": {"S": f"Borrower {number} Café"},
        "count": {"N": "1"},
        "round": {"N": "100"},
        "nil": {"N": "0"},
        "exact": {"N": f"{DIGITS}1"},
        "open": {"BOOL": True},
        "closed": {"NULL": True},
        "empty": {"S": ""},
        "blob": {"B": "AAECAw=="},
        "tags": {"SS": ["a", "b", "c"]},
        "sizes": {"NS": ["1", "2.5", "30"]},
        "marks": {"BS": ["AA==", "AQ==", "Ag=="]},
        "lines": {"L": [{"S": "one"}, {"N": "2"}, {"S": "three"}]},
        "address": {"M": {"city": {"S": "Columbus"}, "zip": {"S": "43004"}, "geo": {"M": {"lat": {"N": "39.96"}}}}},
    } | more


@dataclass
class Estate:
    """A table of twelve items on both sides; a defect changes whatever it is about.

    `held` is what a second look finds where that is not what the scan found; `witnesses` are the
    counts of the import where they are not those of a whole one. `ttl` is the attribute by which source and
    target let items expire, None where the target's alone does; `now` is what a clock says after each second look.
    """

    exported: list[Item] = field(default_factory=lambda: [item(n) for n in range(12)])
    found: list[Item] = field(default_factory=lambda: [item(n) for n in range(12)])
    held: list[Item] | None = None
    quarantined: set[bytes] = field(default_factory=set)
    ttl: str | None = TTL
    now: float = NOW
    witnesses: dict[str, int] = field(default_factory=dict)

    def put(self, number: int, **attributes: Any) -> None:
        """Set attributes of one found item."""
        self.found[number] |= attributes

    def drop(self, number: int, *names: str) -> None:
        for name in names:
            del self.found[number][name]

    def loses(self, *numbers: int) -> None:
        self.found = [i for n, i in enumerate(self.found) if n not in numbers]


@dataclass(frozen=True)
class Defect:
    """What is planted, what must be counted (nothing: it is none), where, and the verdict."""

    name: str
    plant: Callable[[Estate], Any]
    counts: dict[str, int] = field(default_factory=dict)
    paths: tuple[str, ...] = ()
    verdict: str = ""
    target_only: bool = True

    @property
    def expected_verdict(self) -> str:
        return self.verdict or ("FAIL" if self.counts else "PASS")


def found(estate: Estate) -> tuple[Comparison, list[str]]:
    """Compare an estate with the real code; returns the comparison and the reasons for a FAIL."""
    secret = RunSecret.new()
    sides = BucketDigest(secret), BucketDigest(secret)
    for side, content in zip(sides, (estate.exported, estate.found), strict=True):
        side.add_items(content, KEY)
    refused = frozenset(estate.quarantined)
    now = {digest(key_of(i, KEY)): i for i in (estate.found if estate.held is None else estate.held)}
    result = compare(
        *sides, lambda: iter(estate.exported), lambda: iter(estate.found), KEY,
        look_again=lambda keys: [now[digest(k)] for k in keys if digest(k) in now],
        rules=Rules(secret, Excuse(estate.ttl).expiry, lambda: estate.now, 100, lambda: refused),
    )  # fmt: skip
    whole = len(estate.exported)
    counts: dict[str, int | None] = {
        "in_manifest": whole, "lines_read": whole, "items_written": whole, "items_quarantined": len(estate.quarantined),
        "items_filtered": 0, "items_compared": result.exported, "items_in_target": result.found,
    } | estate.witnesses  # fmt: skip
    return result, disagreements(counts, result.counts, ImportFact(ImportStatus.COMPLETED, items_before=0))


def _value(name: str, value: Any) -> Callable[[Estate], None]:
    return lambda e: e.put(3, **{name: value})


def _both(name: str, exported: Any, value: Any) -> Callable[[Estate], None]:
    def plant(e: Estate) -> None:
        e.exported[3][name] = exported
        e.found[3][name] = value

    return plant


def _absent_with(ttl: Any) -> Callable[[Estate], None]:
    """An item with a TTL that the target no longer holds."""

    def plant(e: Estate) -> None:
        e.exported[3][TTL] = ttl
        e.loses(3)

    return plant


def _expired_in_the_target(e: Estate) -> None:
    _absent_with({"N": str(NOW - 60)})(e)
    e.ttl = None


def _other_key(**key: Any) -> Callable[[Estate], None]:
    return lambda e: e.put(3, **key)


def _exchange(e: Estate) -> None:
    e.found[3]["name"], e.found[4]["name"] = e.found[4]["name"], e.found[3]["name"]


def _other_table(same_keys: bool) -> Callable[[Estate], None]:
    def plant(e: Estate) -> None:
        e.found = [item(n) if same_keys else item(n + 500) for n in range(12)]
        for i in e.found:
            i["name"] = {"S": "of the other table"}

    return plant


def _older(e: Estate) -> None:
    """The target was loaded from an export made before one item was added, one deleted and one changed."""
    e.loses(11)
    e.put(3, name={"S": "as it was"})
    e.found.append(item(900))


def _older_on_top(e: Estate) -> None:
    """Both exports under one prefix were loaded, the older one last."""
    e.put(3, name={"S": "as it was"})
    e.found.append(item(900))


def _half(e: Estate) -> None:
    e.loses(*range(6, 12))
    e.witnesses = {"lines_read": 6, "items_written": 6}


def _quarantine(e: Estate) -> None:
    e.quarantined = {canonical_json(key_of(e.exported[3], KEY))}
    e.witnesses = {"items_written": 11}
    e.loses(3)


def _seen_otherwise(change: Callable[[Estate], Any]) -> Callable[[Estate], None]:
    """The scan sees the change, the second look sees the item as it was exported."""

    def plant(e: Estate) -> None:
        e.held = copy.deepcopy(e.found)
        change(e)

    return plant


def _turned(name: str, kind: str) -> Callable[[Estate], None]:
    return lambda e: e.put(3, **{name: {kind: list(reversed(e.found[3][name][kind]))}})


def _reordered_maps(e: Estate) -> None:
    e.found[3] = dict(reversed(e.found[3].items()))
    e.put(3, address={"M": dict(reversed(e.found[3]["address"]["M"].items()))})


def _address(**changes: Any) -> Any:
    return {"M": item(3)["address"]["M"] | changes}


MISSING, EXTRA, DIFFERENT = {"missing": 1}, {"extra": 1}, {"different": 1}
MOVED = {"missing": 1, "extra": 1}
# Names, plants and results stand on one line each: this is a table.
# ruff: noqa: E501
CATALOGUE = [
    Defect("an item is missing", lambda e: e.loses(3), MISSING),
    Defect("the target is empty", lambda e: e.loses(*range(12)), {"missing": 12}),
    Defect("an item too many", lambda e: e.found.append(item(77)), EXTRA),
    Defect("one missing and another too many, so that counts agree", lambda e: (e.loses(3), e.found.append(item(77))), MOVED),
    Defect("a text changed by one character", _value("name", {"S": "Borrower 3 Cafe"}), DIFFERENT, ("name value",)),
    Defect("a blank at the end of a text", _value("name", {"S": "Borrower 3 Café "}), DIFFERENT, ("name value",)),
    Defect("é as two code points instead of one", _value("name", {"S": "Borrower 3 Cafe\u0301"}), DIFFERENT, ("name value",)),
    Defect("an attribute dropped", lambda e: e.drop(3, "count"), DIFFERENT, ("count absent",)),
    Defect("an attribute added", _value("more", {"S": "x"}), DIFFERENT, ("more added",)),
    Defect("an attribute's name in another case", lambda e: (e.drop(3, "count"), e.put(3, Count={"N": "1"})), DIFFERENT, ("Count added", "count absent")),
    Defect("NULL for a missing attribute", _value("more", {"NULL": True}), DIFFERENT, ("more added",)),
    Defect("missing for NULL", lambda e: e.drop(3, "closed"), DIFFERENT, ("closed absent",)),
    Defect("an empty text for NULL", _value("closed", {"S": ""}), DIFFERENT, ("closed type",)),
    Defect("NULL for an empty text", _value("empty", {"NULL": True}), DIFFERENT, ("empty type",)),
    Defect("an empty text for a missing attribute", _value("more", {"S": ""}), DIFFERENT, ("more added",)),
    Defect("missing for an empty text", lambda e: e.drop(3, "empty"), DIFFERENT, ("empty absent",)),
    Defect("an empty list for an empty map", _both("box", {"M": {}}, {"L": []}), DIFFERENT, ("box type",)),
    Defect("a number off in the 38th digit", _value("exact", {"N": f"{DIGITS}2"}), DIFFERENT, ("exact value",)),
    Defect("a number rounded as a float does", _value("exact", {"N": "12345678901234567000000000000000000000"}), DIFFERENT, ("exact value",)),
    Defect("a number with its sign turned", _value("count", {"N": "-1"}), DIFFERENT, ("count value",)),
    Defect("a number ten times too large", _value("round", {"N": "1000"}), DIFFERENT, ("round value",)),
    Defect("1.0 for 1", _value("count", {"N": "1.0"})),
    Defect("1E2 for 100", _value("round", {"N": "1E2"})),
    Defect("-0.00 for 0", _value("nil", {"N": "-0.00"})),
    Defect("a text for a number", _value("count", {"S": "1"}), DIFFERENT, ("count type",)),
    Defect("a text for a flag", _value("open", {"S": "true"}), DIFFERENT, ("open type",)),
    Defect("a number for a flag", _value("open", {"N": "1"}), DIFFERENT, ("open type",)),
    Defect("a flag turned", _value("open", {"BOOL": False}), DIFFERENT, ("open value",)),
    Defect("a set in another order", _turned("tags", "SS")),
    Defect("a number set in another order and spelling", _value("sizes", {"NS": ["30.0", "25E-1", "1"]})),
    Defect("a binary set in another order", _turned("marks", "BS")),
    Defect("a set with one more member", _value("tags", {"SS": ["a", "b", "c", "d"]}), DIFFERENT, ("tags value",)),
    Defect("a set with one member less", _value("sizes", {"NS": ["1", "30"]}), DIFFERENT, ("sizes value",)),
    Defect("a list for a set", _value("tags", {"L": [{"S": "a"}, {"S": "b"}, {"S": "c"}]}), DIFFERENT, ("tags type",)),
    Defect("a list in another order", _turned("lines", "L"), DIFFERENT, ("lines[0] value", "lines[2] value")),
    Defect("a list without its last element", _value("lines", {"L": item(3)["lines"]["L"][:2]}), DIFFERENT, ("lines[2] absent",)),
    Defect("a list with an element twice", _value("lines", {"L": [*item(3)["lines"]["L"], {"S": "three"}]}), DIFFERENT, ("lines[3] added",)),
    Defect("maps in another order", _reordered_maps),
    Defect("a key of a map renamed", _value("address", {"M": {"town" if k == "city" else k: v for k, v in item(3)["address"]["M"].items()}}), DIFFERENT, ("address.city absent", "address.town added")),
    Defect("a value changed three levels down", _value("address", _address(geo={"M": {"lat": {"N": "39.97"}}})), DIFFERENT, ("address.geo.lat value",)),
    Defect("a map as its JSON text", _value("address", {"S": '{"city": "Columbus"}'}), DIFFERENT, ("address type",)),
    Defect("a binary one bit off", _value("blob", {"B": "AAECAg=="}), DIFFERENT, ("blob value",)),
    Defect("a binary cut short", _value("blob", {"B": "AAEC"}), DIFFERENT, ("blob value",)),
    Defect("a binary as its base64 text", _value("blob", {"S": "AAECAw=="}), DIFFERENT, ("blob type",)),
    Defect("a key in another case", _other_key(id={"S": "LOAN-003"}), MOVED),
    Defect("a sort key off by one", _other_key(at={"N": "4"}), MOVED),
    Defect("a sort key spelled 3.0 for 3", _other_key(at={"N": "3.0"})),
    Defect("an item doubled under another key", lambda e: e.found.append(item(3, id={"S": "copy"})), EXTRA),
    Defect("two items with each other's contents", _exchange, {"different": 2}, ("name value",)),
    Defect("two tables swapped", _other_table(same_keys=False), {"missing": 12, "extra": 12}),
    Defect("two tables of the same keys renamed to each other", _other_table(same_keys=True), {"different": 12}, ("name value",)),
    Defect("only one of two files loaded", _half, {"missing": 6}, target_only=False),
    Defect("one of two files loaded twice", lambda e: e.witnesses.update(items_written=18), {}, verdict="FAIL", target_only=False),
    Defect("the items of an older export", _older, {"missing": 1, "extra": 1, "different": 1}, ("name value",)),
    Defect("an older export loaded on top", _older_on_top, {"extra": 1, "different": 1}, ("name value",)),
    Defect("an item that the TTL of source and target has removed", _absent_with({"N": str(NOW - 60)}), {"expired": 1}, verdict="PASS"),
    Defect("an item absent before its TTL", _absent_with({"N": str(NOW + 60)}), MISSING),
    Defect("an item absent whose TTL is too old to be heeded", _absent_with({"N": str(NOW - 6 * YEAR)}), MISSING),
    Defect("an item absent whose TTL is a text", _absent_with({"S": str(NOW - 60)}), MISSING),
    Defect("an item that only the target's TTL would let expire", _expired_in_the_target, MISSING, target_only=False),
    Defect("an expired item that is still there", _both(TTL, {"N": str(NOW - 60)}, {"N": str(NOW - 60)})),
    Defect("an item in quarantine is absent", _quarantine, {"quarantined": 1}, target_only=False),
    Defect("an item changed while it was scanned, and back", _seen_otherwise(_value("name", {"S": "for a moment"})), target_only=False),
    Defect("an item deleted while it was scanned, and back", _seen_otherwise(lambda e: e.loses(3)), target_only=False),
    Defect("an item there only while it was scanned", _seen_otherwise(lambda e: e.found.append(item(77))), target_only=False),
    Defect("an item that the scan met twice", _seen_otherwise(lambda e: e.found.append(item(3))), target_only=False),
    Defect("a line twice in the export", lambda e: e.exported.append(item(3)), MISSING, target_only=False),
    Defect("two lines of the export under one key", lambda e: e.exported.append(item(3, count={"N": "2"})), DIFFERENT, target_only=False),
]  # fmt: skip


def planted(defect: Defect) -> Estate:
    estate = Estate()
    defect.plant(estate)
    return estate


def paths_of(result: Comparison) -> tuple[str, ...]:
    """The differing places of the first item that has some."""
    return next((tuple(f"{p.path} {p.how}" for p in d.paths) for d in result.listed if d.paths), ())


def table() -> str:
    """The catalogue with what the comparison really says of each, as Markdown."""
    rows = ["| planted | reported | where | verdict |", "|---|---|---|---|"]
    for defect in CATALOGUE:
        result, reasons = found(planted(defect))
        counts = ", ".join(f"{n} {kind}" for kind, n in result.counts.items() if n) or "nothing"
        if reasons and counts == "nothing":
            counts = "the counts disagree"
        where = ", ".join(f"`{path}`" for path in paths_of(result))
        rows.append(f"| {defect.name} | {counts} | {where} | {'FAIL' if reasons else 'PASS'} |")
    return "\n".join(rows)


def page(text: str) -> str:
    """The page with its table as it should be."""
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
