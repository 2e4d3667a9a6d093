"""Records as `build_record` makes them, by hand: the fleet of the reference migration and its accidents."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from runbook_lib.record.run_json import RunRecord
from runbook_lib.report.figures.run_figures import RunFigures, figures_of
from runbook_lib.report.model import ReportModel
from runbook_lib.run.tables.throughput import SampleRow

Record = dict[str, Any]
# Item counts of the 31 tables of the reference migration.
ITEMS = {
    "transactions": 190_109, "loans": 22_959, "statements": 7_216, "monthly-reportings": 3_499, "loan-loc": 2_567,
    "payments": 2_267, "accounts": 319, "users": 317, "companies": 134, "plaid-items": 79, "files": 77,
    "annual-reportings": 56, "ach-batches": 26, "banks": 9, "approvals": 0, "ledger-entries": 0,
    "lines-of-credit": 0, "notifications": 0, "otp-codes": 0,
}  # fmt: skip
WITHOUT_PITR = [
    "borrower-value-config-settings", "case-counsel-relationships", "case-financials-current", "case-underwritings",
    "cases", "discount-rate-matrix", "docket-review-case-details", "mass-tort-general", "mass-tort-plaintiffs",
    "settlement-success-tracking", "valuations-summary", "variance-tracking",
]  # fmt: skip
STEPS = ("preflight", "export", "import", "validate", "report")
SUMMED = ("items_exported", "items_written", "items_filtered", "items_quarantined", "items_in_target", "bytes")
START = datetime(2026, 11, 23, 5, 33, 36, tzinfo=UTC)


def typed(made: Record) -> RunRecord:
    """A record as the model has it; raises what the model raises for one that does not fit."""
    return RunRecord.model_validate(json.loads(json.dumps(made)))


def report_of(made: Record) -> ReportModel:
    """The report of a record."""
    return ReportModel(typed(made))


def figures(made: Record) -> RunFigures:
    """What the sections of its report are made of."""
    return figures_of(typed(made))


def stamp(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def table(name: str, items: int, method: str = "export", at: float = 60.0) -> Record:
    """A table that was moved and proved."""
    source, took = f"bebco-borrower-staging-{name}", 0.4 + items / 20_000
    digest = hashlib.sha256(name.encode()).hexdigest()
    arn = f"arn:aws:dynamodb:us-east-1:111122223333:table/{source}/export/01700000000000-{digest[:8]}"
    return {
        "source": source, "target": f"bebco-borrower-{name}-dev", "method": method, "reused": False,
        "export_arn": arn, "export_table_arn": arn.split("/export")[0], "export_time": stamp(2),
        "manifest_md5": {"summary": digest[:32], "files": digest[32:]}, "manifest_checked": True, "files": 4,
        "items_exported": items, "lines_read": items, "items_written": items, "items_filtered": 0,
        "items_quarantined": 0, "items_before": 0, "items_in_target": items,
        "missing": 0, "extra": 0, "different": 0, "expired": 0,
        "export_digest": digest, "target_digest": digest, "bytes": items * 450, "verdict": "PASS", "reasons": [],
        "seconds": round(50 + 1.5 * took, 3),
        "seconds_by_step": {"export": 50.0, "import": round(took, 3), "validate": round(took / 2, 3)},
        "spans": {
            "export": [stamp(3), stamp(53)],
            "import": [stamp(at), stamp(at + took)],
            "validate": [stamp(at + 80), stamp(at + 80 + took / 2)],
        },
        "parity": parity(), "indexes": [index("by-owner", items)], "canary": None,
    }  # fmt: skip


def parity(*differences: Record, not_checked: list[Record] | None = None) -> Record:
    """A comparison of definitions; equal, unless it is given differences."""
    return {
        "differences": list(differences), "not_checked": not_checked or [], "equal": ["key"],
        "at": stamp(150), "step": "validate",
    }  # fmt: skip


def differs(name: str, rating: str = "warns", **changes: str) -> Record:
    """One difference of definitions."""
    return {
        "property": name, "what": name, "source": "on", "target": "off", "rating": rating, "remedy": "turn it on",
    } | changes  # fmt: skip


def index(name: str, items: int, **changes: Any) -> Record:
    """The facts of an index that answered as the export says."""
    keys = min(20, items)
    none = dict.fromkeys(("keys", "left_out", "expected", "found", "missing", "different", "extra", "expired"))
    asked = {"keys": keys, "left_out": 0, "expected": keys, "found": keys, "missing": 0, "different": 0, "extra": 0,
             "expired": 0, "wrong_keys": 0}  # fmt: skip
    made = {"index": name, "kind": "GSI", "projection": "ALL", "belonging": items, "wrong_keys": None, "why": None}
    state = {"state": "checked", **asked} if items else {"state": "nothing to ask", **none}
    return made | state | changes


def record(**changes: Any) -> Record:
    """A run of the whole fleet that passed."""
    at, tables = 60.0, []
    for name, items in sorted((dict.fromkeys(WITHOUT_PITR, 0) | ITEMS).items(), key=lambda pair: (pair[1], pair[0])):
        tables.append(table(name, items, "scan" if name in WITHOUT_PITR else "export", at))
        at += 0.5 + items / 20_000
    made: Record = {
        "run_id": "20261123T053336Z-prod-to-dev", "name": "prod-to-dev", "verdict": "PASS", "reasons": [],
        "executed": True, "started": stamp(0), "finished": stamp(245), "export_time": stamp(2),
        "attempts": [
            {"started": stamp(0), "steps": list(STEPS), "tables": "*", "execute": True}
            | {"confirmed": {"target": "111122223333/us-east-2", "how": "confirm_target", "by": "arn:aws:iam::1:u"}}
        ],
        "steps": [
            {"name": n, "status": "completed", "seconds": s, "started": stamp(0), "finished": stamp(s), "message": None}
            for n, s in zip(STEPS, (1.2, 55.0, 31.0, 14.0, 0.1), strict=True)
        ],
        "tables": tables, "blockers": [], "warnings": [], "spent": {"scan_units": 243.0},
        "source_calls": {
            "DescribeContinuousBackups": 31, "DescribeExport": 76, "DescribeTable": 31,
            "ExportTableToPointInTime": 19, "GetCallerIdentity": 1, "ListTables": 1, "Scan": 48,
        },
        "target_calls": {"BatchWriteItem": 9_224, "DescribeTable": 93, "GetCallerIdentity": 1, "Scan": 412},
        "staging_calls": {"GetObject": 310, "HeadBucket": 1, "PutObject": 96},
        "identity": {
            "source": {"account": "111122223333", "region": "us-east-1",
                       "arn": "arn:aws:sts::111122223333:assumed-role/migration-reader/ci", "endpoint": "https://dynamodb.us-east-1.amazonaws.com"},
            "target": {"account": "444455556666", "region": "us-east-2",
                       "arn": "arn:aws:sts::444455556666:assumed-role/migration-writer/ci", "endpoint": "https://dynamodb.us-east-2.amazonaws.com"},
        },
        "code": {
            "git": "1f97820c1d0d6ad3f6a7ad1cf6bbcb7f5cbbdc2b",
            "notebooks": {f"{n}0.ipynb": hashlib.sha256(n.encode()).hexdigest() for n in "0123"},
            "packages": {"boto3": "1.44.5", "matplotlib": "3.11.2"},
        },
    }  # fmt: skip
    return summed(typed(made).to_json() | changes)


def summed(made: Record) -> Record:
    """The record with the totals its tables add up to."""
    sums = {name: sum(t[name] or 0 for t in made["tables"]) for name in SUMMED}
    return made | {"totals": {"tables": len(made["tables"]), **sums, "seconds": 101.3}}


def of(made: Record, name: str) -> Record:
    """One table of a record, to be changed."""
    return next(t for t in made["tables"] if t["source"].endswith(f"-{name}"))


def passed() -> Record:
    stream = {"expected": "no stream while items are loaded", "found": "a NEW_AND_OLD_IMAGES stream",
              "remedy": "every loaded item reaches its consumers; check what is attached to it"}  # fmt: skip
    return record(warnings=[{"table": f"bebco-borrower-{n}-dev", **stream} for n in ITEMS])


def failed() -> Record:
    """An item lost, one changed, three in quarantine, a table not validated and one left out."""
    made = record(verdict="FAIL")
    of(made, "loans").update(
        verdict="FAIL", items_in_target=22_958, missing=1, different=2, target_digest="0" * 64,
        reasons=["1 items are missing", "2 items are different"],
    )  # fmt: skip
    of(made, "payments").update(
        verdict="FAIL", items_written=2_264, items_quarantined=3, items_in_target=2_264, missing=3,
        target_digest="1" * 64, reasons=["3 items could not be written and are in quarantine", "3 items are missing"],
    )  # fmt: skip
    unknown = dict.fromkeys(
        ("missing", "extra", "different", "expired", "items_in_target", "target_digest", "export_digest", "indexes")
    )
    of(made, "users").update(verdict="UNKNOWN", reasons=["the table was not validated"], **unknown)
    left = of(made, "cases")
    left.update(
        {k: None for k in left if k.startswith("items") or k in (*unknown, "lines_read", "export_arn", "bytes")}
        | {"files": None}
        | {"verdict": "NOT MIGRATED", "method": "skipped", "manifest_md5": {"summary": None, "files": None},
           "manifest_checked": None, "reasons": ["point-in-time recovery is off and export.without_pitr is 'skip'"],
           "seconds": 0.0, "seconds_by_step": {"export": 0.0, "import": None, "validate": None},
           "spans": {s: [None, None] for s in ("export", "import", "validate")}}
    )  # fmt: skip
    made["reasons"] = [
        f"{t['source']}: {t['verdict']}: {'; '.join(t['reasons'])}" for t in made["tables"] if t["reasons"]
    ]
    made["steps"][3] |= {"status": "failed", "message": "; ".join(made["reasons"])}
    payments, loans = of(made, "payments")["source"], of(made, "loans")["source"]
    made["quarantine"] = [{"source": payments, "reason": "ValidationException: Item size exceeded", "items": 3}]
    listed = {"source": loans, "kind": "different", "key_hash": "ab" * 16, "key": None}
    path = {"path": "terms.rate", "how": "type", "expected": "N", "found": "S"}
    made["differences"] = {
        "listed": 3,
        "first": [listed | {"paths": [path]}, listed | {"kind": "missing", "paths": None}],
    }
    return summed(made)


def unwritten(made: Record, verdict: str) -> Record:
    """The record with every table exported and read, and nothing written or compared."""
    for t in made["tables"]:
        t.update(verdict=verdict, items_written=0, items_before=None, items_in_target=None)
        t.update(dict.fromkeys(("missing", "extra", "different", "expired", "export_digest", "target_digest")))
        t["indexes"] = None
        t["seconds_by_step"]["validate"] = None
        t["spans"]["validate"] = [None, None]
    made["target_calls"].pop("BatchWriteItem")
    return summed(made)


def dry_run() -> Record:
    made = record(verdict="DRY-RUN", executed=False)
    made["attempts"][0]["execute"] = False
    return unwritten(made, "DRY-RUN")


def interrupted() -> Record:
    made = unwritten(record(verdict="INTERRUPTED"), "UNKNOWN")
    made["steps"][2] |= {"status": "interrupted", "message": "interrupted"}
    made["reasons"] = ["step import interrupted: interrupted"]
    return made


def nothing(made: Record) -> Record:
    """The record with every value that may be unknown unknown."""

    def empty(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: v if k in ("source", "target", "name", "verdict", "method", "run_id") and isinstance(v, str)
                    else empty(v) for k, v in value.items()}  # fmt: skip
        if isinstance(value, list):
            return (
                [None, None]
                if len(value) == 2 and isinstance(value[0], str | None)
                else [empty(v) for v in value if isinstance(v, dict)]
            )
        return None

    result: Record = empty(made)
    return typed(result | {"verdict": "FAIL"}).to_json()


def samples(made: Record) -> list[SampleRow]:
    """Half a second each of every table's import, as the ledger has them."""
    found = []
    for t in made["tables"]:
        start, end = (datetime.fromisoformat(x).timestamp() if x else 0.0 for x in t["spans"]["import"])
        parts = max(1, int((end - start) / 0.5)) if t["items_written"] else 0
        for n in range(parts):
            items = t["items_written"] * (n + 1) // parts - t["items_written"] * n // parts
            seconds = (end - start) / parts
            throttles = (n % 3 == 2 and 1) or 0
            at = start + (n + 1) * seconds
            found.append(SampleRow(t["source"], at, seconds, items, items * 450, float(items), throttles))
    return sorted(found, key=lambda s: s.at)


KINDS: dict[str, Callable[[], Record]] = {
    "PASS": passed,
    "FAIL": failed,
    "DRY-RUN": dry_run,
    "INTERRUPTED": interrupted,
    "nothing": lambda: nothing(passed()),
}
