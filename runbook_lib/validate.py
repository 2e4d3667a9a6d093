"""Prove, or disprove, that each target holds the items of its export.

Four independent counts stand side by side: what the manifest says, how many lines were read, how
many writes were acknowledged, and what a Scan of the target finds. Beyond the counts, every item is
compared with the export. The table's verdict is PASS only if all of it agrees.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import orjson

from runbook_lib.aws.tables import ttl_attribute
from runbook_lib.aws.wire import Patience, Wire
from runbook_lib.buckets import Buckets, digests
from runbook_lib.compare import Comparison, compare
from runbook_lib.datafile import fetch
from runbook_lib.errors import GateFailed, RunbookError
from runbook_lib.items import Item, KeyAttribute, digest, parse_line
from runbook_lib.lookup import read_keys
from runbook_lib.manifest import DataFile
from runbook_lib.plan import Pair
from runbook_lib.rate import RateLimit
from runbook_lib.run import Run, stamp
from runbook_lib.scan import scan_segment

Watch = Callable[[str, str, int, int], None]


@dataclass(slots=True)
class Sides:
    """The two things that are compared, as streams that can be read again."""

    run: Run
    source: str
    target: str
    bucket: str
    files: list[DataFile]
    key: tuple[KeyAttribute, ...]
    wire: Wire
    limit: RateLimit
    watch: Watch
    expected: int

    def exported(self) -> Iterator[Item]:
        """The items of the export; each file's MD5 is checked on the bytes that are compared."""
        for file in self.files:
            with fetch(self.run.clients.staging, self.bucket, file) as checked:
                yield from (parse_line(line) for _, line in checked.items())

    def found(self, segment: int = 0, segments: int = 1) -> Iterator[Item]:
        """The items of the target, or of one segment of it."""
        for page in scan_segment(self.wire, self.target, segment, segments, self.limit, Patience()):
            yield from (orjson.loads(item) for item in page.items)


def validate_tables(run: Run, watch: Watch = lambda table, state, done, of: None) -> dict[str, dict[str, Any]]:
    """Compare every planned table with its export; returns the facts by source table.

    Reads only. A table this run has not written to is left out: there is nothing to prove yet.
    Differences are facts, not errors: the gate after it raises.
    """
    with run.step("validate"):
        for pair in run.planned_pairs():
            run.ledger.put("validation", pair.source, _validate(run, pair, watch))
        return run.ledger.all("validation")


def _validate(run: Run, pair: Pair, watch: Watch) -> dict[str, Any]:
    began, clock = stamp(run.now()), time.monotonic()
    export, loaded = run.ledger.get("export", pair.source), run.ledger.get("import", pair.source)
    if pair.method == "skip":
        return {"verdict": "NOT MIGRATED", "reasons": ["no point-in-time recovery, and export.without_pitr is 'skip'"]}
    if export is None or export["status"] != "COMPLETED":
        return {"verdict": "FAIL", "reasons": ["there is no completed export to compare with"]}
    if loaded is None or not loaded.get("binding"):
        return {"verdict": "DRY-RUN", "reasons": ["nothing was written, so there is nothing to compare"]}
    try:
        facts = _compare(run, pair, export, loaded, watch)
    except RunbookError as error:
        facts = {"verdict": "FAIL", "reasons": [f"the comparison could not be made: {error}"]}
    return facts | {"started": began, "finished": stamp(run.now()), "seconds": round(time.monotonic() - clock, 3)}


def _compare(run: Run, pair: Pair, export: dict[str, Any], loaded: dict[str, Any], watch: Watch) -> dict[str, Any]:
    if pair.target_facts is None:
        raise GateFailed(f"target {pair.target} did not exist at the pre-flight")
    rows = run.ledger.rows("SELECT * FROM file WHERE source = ? ORDER BY ordinal", pair.source)
    wire = run.clients.target_wire
    sides = Sides(
        run=run, source=pair.source, target=pair.target, bucket=export["bucket"],
        files=[DataFile(r["ordinal"], r["key"], r["md5"], r["items"]) for r in rows],
        key=pair.target_facts.key, wire=wire, limit=RateLimit(run.config.validate_.max_rcu),
        watch=watch, expected=export["items"],
    )  # fmt: skip
    ttl = ttl_attribute(run.clients.target, pair.target)
    comparison = compare(
        _export_buckets(sides), _target_buckets(sides), sides.exported, sides.found, sides.key,
        look_again=lambda keys: read_keys(wire, pair.target, keys, Patience()),
        expires=lambda item: _expiry(item, ttl), now=run.now().timestamp(),
        limit=run.config.validate_.max_differences,
    )  # fmt: skip
    _keep_differences(run, pair.source, comparison)
    counts = _witnesses(run, pair.source, export, comparison)
    reasons = disagreements(counts, comparison.counts, loaded)
    watch(pair.source, "FAIL" if reasons else "PASS", comparison.found, sides.expected)
    return {
        "verdict": "FAIL" if reasons else "PASS",
        "reasons": reasons,
        **counts,
        **comparison.counts,
        "export_digest": comparison.export_digest,
        "target_digest": comparison.target_digest,
        "read_units": sides.limit.used,
    }


def _witnesses(run: Run, source: str, export: dict[str, Any], comparison: Comparison) -> dict[str, int]:
    """The counts of law 3, each from where it was measured."""
    row = run.ledger.rows("SELECT SUM(lines) AS lines, SUM(written) AS written FROM file WHERE source = ?", source)[0]
    quarantined = run.ledger.rows("SELECT COUNT(*) AS n FROM quarantine WHERE source = ?", source)[0]["n"]
    return {
        "in_manifest": export["manifest"]["items"],
        "lines_read": row["lines"] or 0,
        "items_written": row["written"] or 0,
        "items_quarantined": quarantined,
        "items_filtered": 0,
        "items_compared": comparison.exported,
        "items_in_target": comparison.found,
    }


def disagreements(counts: dict[str, int], found: dict[str, int], loaded: dict[str, Any]) -> list[str]:
    """Every reason why a table is not proved; empty for a PASS.

    A target that held items before may hold as many extra ones; nothing else is forgiven but items
    that the target's own TTL has removed.
    """
    before = loaded.get("items_before", 0)
    expected = counts["items_written"] - found["expired"] + found["extra"]
    reasons = []
    if loaded.get("status") != "completed":
        reasons.append(f"the import is {loaded.get('status')}: {loaded.get('failure') or 'it did not reach its end'}")
    for name, value in (
        ("lines read", counts["lines_read"]),
        ("written and quarantined", counts["items_written"] + counts["items_quarantined"]),
        ("read again for the comparison", counts["items_compared"]),
    ):
        if value != counts["in_manifest"]:
            reasons.append(f"the manifest says {counts['in_manifest']:,} items, {value:,} were {name}")
    if counts["items_in_target"] != expected:
        reasons.append(f"{expected:,} items should be in the target, a scan finds {counts['items_in_target']:,}")
    if counts["items_quarantined"]:
        reasons.append(f"{_items(counts['items_quarantined'])} in quarantine and not written")
    for kind in ("missing", "different"):
        if found[kind]:
            reasons.append(f"{_items(found[kind])} {kind}")
    if found["extra"] > before:
        reasons.append(f"{_items(found['extra'])} extra, {before:,} were there before the import")
    return reasons


def _items(count: int) -> str:
    return "1 item is" if count == 1 else f"{count:,} items are"


def _export_buckets(sides: Sides) -> Buckets:
    buckets = Buckets()
    for count, item in enumerate(sides.exported(), 1):
        buckets.add(*digests(item, sides.key))
        if count % 5000 == 0:
            sides.watch(sides.source, "reading the export", count, sides.expected)
    return buckets


def _target_buckets(sides: Sides) -> Buckets:
    """A parallel Scan; each segment fills buckets of its own, which are then added up."""
    segments = sides.run.config.validate_.segments

    def fill(segment: int) -> Buckets:
        buckets = Buckets()
        for item in sides.found(segment, segments):
            buckets.add(*digests(item, sides.key))
        return buckets

    whole = Buckets()
    with ThreadPoolExecutor(segments, thread_name_prefix="validate") as pool:
        for part in pool.map(fill, range(segments)):
            whole.merge(part)
            sides.watch(sides.source, "scanning the target", whole.items, sides.expected)
    return whole


def _expiry(item: Item, ttl: str | None) -> float | None:
    value = (item.get(ttl) or {}).get("N") if ttl else None
    return float(value) if value is not None else None


def _keep_differences(run: Run, source: str, comparison: Comparison) -> None:
    full = run.config.report.show_keys == "full"
    with run.ledger.batch():
        run.ledger.write("DELETE FROM difference WHERE source = ?", [(source,)])
        run.ledger.write(
            "INSERT INTO difference VALUES (?, ?, ?, ?)",
            [
                (source, d.kind, digest(d.key).hex(), json.dumps(d.key, ensure_ascii=False) if full else None)
                for d in comparison.listed
            ],
        )
