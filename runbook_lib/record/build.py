"""`run.json`: the verdict and every number of a run, gathered from its ledger and written atomically."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice

from runbook_lib.cost.actual import actual_usage
from runbook_lib.record.actors import DECISIVE, acting, asked_to_write, code_of
from runbook_lib.record.consumed import consumed
from runbook_lib.record.files import Record
from runbook_lib.record.listings import difference_rows
from runbook_lib.record.not_checked import Unchecked, unchecked
from runbook_lib.record.verdict import doubted, run_verdict, table_verdict
from runbook_lib.run.facts.counts import table_counts, written
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.steps import STEPS
from runbook_lib.run.tables.comparison import count_differences
from runbook_lib.run.tables.throughput import shifts
from runbook_lib.run.tables.unwritten import refused_reasons
from runbook_lib.run.verdicts import NOT_CHOSEN, NOT_MIGRATED, RUNNING
from runbook_lib.run.witnesses.write_register import standing_of
from runbook_lib.timestamps import format_timestamp

METHODS = {"export": "export", "reuse": "export", "scan": "scan", "skip": "skipped", "fail": "skipped"} | {
    NOT_CHOSEN: NOT_CHOSEN
}
SUMMED = (
    "items_exported", "items_written", "items_filtered", "items_quarantined", "items_present", "items_in_target",
    "bytes",
)  # fmt: skip
SERVICE = ("arn", "status", "processed", "imported", "errors", "bytes", "log_group", "failure_code", "failure")
SHOWN_DIFFERENCES = 100
COMPARED = ("missing", "extra", "different", "expired", "there_before")
PUBLICATION, ANCHOR = ("run", "publication"), ("run", "anchor")
NOT_LOADED: Record = {
    "wcu": None, "throttled_requests": None, "throttled": [], "items_sent_again": None,
}  # fmt: skip


def build_record(ledger: Ledger, run_id: str, name: str, *, running: bool = False, interrupted: bool = False) -> Record:
    """All of `run.json`, as the ledger knows it now; of a run that was published nothing but what the ledger knows."""
    published = {} if running else ledger.get(*PUBLICATION) or {}
    executed = bool(ledger.get("run", "executed"))
    steps = [
        {"name": s, "status": "not run", "seconds": 0.0}
        | (ledger.get("step", s) or {})
        | {"starts": ledger.get("acted", s) or []}
        for s in STEPS
    ]
    tables, left = _tables(ledger, executed), _not_chosen(ledger)
    unknown = unchecked(_checks(ledger), tables, _accept(ledger))
    _doubt(tables, unknown)
    judged = [s for s in steps if s["name"] != "report"] if running else steps
    verdict, reasons = run_verdict(executed, interrupted, judged, tables, unknown)
    totals = _totals(tables, steps, ledger.all("seconds"))
    totals |= {"tables": len(tables) + len(left), "tables_not_chosen": len(left)}
    return {
        "run_id": run_id,
        "name": name,
        "verdict": RUNNING if running else verdict,
        "reasons": [] if running else [reason.text for reason in reasons],
        "grounds": [] if running else [reason.to_json() for reason in reasons],
        "complete": not left,
        "executed": executed,
        "started": ledger.get("run", "started"),
        "finished": None if running else _finished(steps, published.get("at")),
        "export_time": ledger.get("run", "export_time"),
        "attempts": ledger.get("run", "attempts") or [],
        "steps": steps,
        "totals": totals,
        "tables": [*tables, *left],
        "differences": _differences(ledger),
        "quarantine": [asdict(r) for r in refused_reasons(ledger)],
        "blockers": ledger.get("plan", "blockers") or [],
        "warnings": ledger.get("plan", "warnings") or [],
        "checks": _checks(ledger),
        "not_checked": [u.to_json() for u in unknown],
        "accept": {"not_checked": _accept(ledger)},
        "estimates": {stage: e for stage, e in ledger.all("estimate").items() if stage != "prices"},
        "engine": ledger.all("engine"),
        "workers": [asdict(r) for r in shifts(ledger)],
        "spent": actual_usage(ledger, totals["seconds"]),
        "measured": ledger.all("measured"),
        "recovery_turned_on": ledger.all("recovery"),
        "warmed": ledger.all("warmed"),
        "source_calls": ledger.calls("source"),
        "target_calls": ledger.calls("target"),
        "staging_calls": ledger.calls("staging"),
        "cleaned": ledger.get("run", "cleaned"),
        "cleanup": list(ledger.all("cleanup").values()),
        "identity": {side: acting(ledger, side) for side in DECISIVE},
        "code": code_of(ledger, published.get("code")),
        "codes": ledger.all("code"),
        "anchor": ledger.get(*ANCHOR),
    }


def _not_chosen(ledger: Ledger) -> list[Record]:
    """The rows of the tables that the run leaves out; nothing of them is measured."""
    return [
        _table({"method": NOT_CHOSEN, "writing": None} | left, None, None, None, None, {}, False, False)
        | {"verdict": NOT_MIGRATED, "reasons": [left["why"]], "writing_why": ""}
        | _undo(None, None, None)
        | NOT_LOADED
        | _looked_at(ledger, left["source"], None)
        for left in ledger.all("not_chosen").values()
    ]


def not_checked(ledger: Ledger) -> list[Unchecked]:
    """What nobody could look at, as it is known now."""
    return unchecked(_checks(ledger), _tables(ledger, bool(ledger.get("run", "executed"))), _accept(ledger))


def _checks(ledger: Ledger) -> list[Record]:
    return ledger.get("plan", "checks") or []


def _accept(ledger: Ledger) -> dict[str, list[str]]:
    """What the migration file let stay unknown when a step last looked, or judged."""
    return ledger.get("run", "accept") or {}


def _doubt(tables: list[Record], unknown: list[Unchecked]) -> None:
    """Take back the PASS of tables of which something is not known and may not stay so."""
    for table in tables:
        of_it = [u for u in unknown if u.source == table["source"]]
        table["verdict"], table["reasons"] = doubted(table["verdict"], table["reasons"], of_it)


def _tables(ledger: Ledger, executed: bool) -> list[Record]:
    asked = asked_to_write(ledger)
    exports, imports = ledger.all("export"), ledger.all("import")
    validations, drifts, files = ledger.all("validation"), ledger.all("drift"), table_counts(ledger)
    created, before, writing = ledger.all("created"), ledger.all("before"), consumed(ledger)

    def row(pair: Record) -> Record:
        source = pair["source"]
        export, loaded, checked = (facts.get(source) for facts in (exports, imports, validations))
        return (
            _table(pair, export, loaded, checked, drifts.get(source), files.get(source, {}), executed, asked)
            | _undo(created.get(source), before.get(source), loaded)
            | writing.get(source, NOT_LOADED)
            | _looked_at(ledger, source, checked)
        )

    return [row(entry["pair"]) for entry in sorted(ledger.all("pair").values(), key=lambda p: p["place"])]


def _table(
    pair: Record,
    export: Record | None,
    loaded: Record | None,
    checked: Record | None,
    drift: Record | None,
    files: Record,
    executed: bool,
    asked: bool,
) -> Record:
    """One table's row; a number that was not measured is None, never 0."""
    exported = export["items"] if export and export["status"] == "COMPLETED" else None
    manifest = (export or {}).get("manifest") or {}
    if exported == 0 and not files:  # a manifest without files: nothing to read is read in full
        files = {"lines": 0, "written": 0, "quarantined": 0, "present": 0}
    verdict, reasons = table_verdict(executed, loaded, checked, export, asked)
    if pair["method"] == "skip" and export is not None:
        verdict, reasons = NOT_MIGRATED, ["point-in-time recovery is off and export.without_pitr is 'skip'"]
    compared = checked or {}
    compared_only = compared.get("imported") is False  # nothing was counted on the way in
    return {
        "source": pair["source"],
        "target": pair["target"],
        "method": METHODS[pair["method"]],
        "reused": pair["method"] == "reuse",
        "writing": pair.get("writing", "batch_write"),
        "writing_why": pair.get("why", ""),
        "import_table": _service(loaded),
        "export_arn": (export or {}).get("arn"),
        "export_table_arn": manifest.get("table_arn"),
        "export_time": manifest.get("export_time"),
        "manifest_md5": {"summary": manifest.get("summary_md5"), "files": manifest.get("files_md5")},
        "manifest_checked": manifest.get("checked"),
        "export_whole": (export or {}).get("whole"),
        "scan_witnesses": (export or {}).get("witnesses"),
        "files": (export or {}).get("files"),
        "items_exported": exported,
        "lines_read": files.get("lines"),
        "compared_only": compared_only,
        **written(loaded, files, exported is not None and not compared_only),
        "items_filtered": 0 if exported is not None and not compared_only else None,
        "items_quarantined": files.get("quarantined") if exported is not None and not compared_only else None,
        "items_present": files.get("present") if exported is not None and not compared_only else None,
        "on_non_empty": (loaded or {}).get("on_non_empty"),
        "items_before": (loaded or {}).get("items_before"),
        "items_compared": compared.get("items_compared"),
        "items_in_target": compared.get("items_in_target"),
        "looked_again": compared.get("looked_again"),
        "moved": compared.get("moved"),
        "read": compared.get("read"),
        "drift": drift,
        **{kind: compared.get(kind) for kind in COMPARED},
        "export_digest": compared.get("export_digest"),
        "target_digest": compared.get("target_digest"),
        "bytes": manifest.get("billed_bytes"),
        "verdict": verdict,
        "reasons": reasons,
        "seconds": round(_seconds(export) + (loaded or {}).get("seconds", 0.0) + compared.get("seconds", 0.0), 3),
        "seconds_by_step": {
            "export": round(_seconds(export), 3),
            "import": (loaded or {}).get("seconds"),
            "validate": compared.get("seconds"),
        },
        "spans": {
            "export": [(export or {}).get("started"), (export or {}).get("finished")],
            "import": [(loaded or {}).get("started"), (loaded or {}).get("finished")],
            "validate": [compared.get("started"), compared.get("finished")],
        },
    }


def _service(loaded: Record | None) -> Record | None:
    """What ImportTable said of itself; None for a table that was not filled by it."""
    known = (loaded or {}).get("import_table")
    return {name: known.get(name) for name in SERVICE} if known else None


def _undo(created: Record | None, before: Record | None, loaded: Record | None) -> Record:
    """What has to be known to undo a table's import; `restore_to` is a moment before its first write."""
    replaced = bool((loaded or {}).get("items_before"))
    # As it was just before the first write: it may have been turned on, or off, since the pre-flight.
    recoverable = bool((loaded or {}).get("recovery", (before or {}).get("recovery")))
    return {
        "existed_before": (before or {}).get("existed"),
        "created": {k: created.get(k) for k in ("status", "at", "left_out")} if created else None,
        "restore_to": (loaded or {}).get("started") if replaced and recoverable else None,
    }


def _looked_at(ledger: Ledger, source: str, checked: Record | None) -> Record:
    """The latest comparison of definitions, the indexes' answers and the canary; None is not measured."""
    known = checked or {}
    return {
        "parity": known.get("parity") or ledger.get("parity", source),
        "indexes": known.get("indexes"),
        "canary": ledger.get("canary", source),
        "register": standing_of(ledger, source),
    }


def _differences(ledger: Ledger) -> Record:
    """How many differences `differences.jsonl` lists, and the first of them, as it does."""
    return {"listed": count_differences(ledger), "first": list(islice(difference_rows(ledger), SHOWN_DIFFERENCES))}


def _seconds(fact: Record | None) -> float:
    if not fact or not fact.get("finished"):
        return 0.0
    return (datetime.fromisoformat(fact["finished"]) - datetime.fromisoformat(fact["started"])).total_seconds()


def starts_of(record: Record) -> list[Record]:
    """The starts of a run that did more than write its report again."""
    return [a for a in record.get("attempts") or [] if a.get("steps") != ["report"]]


def _finished(steps: list[Record], published: str | None) -> str:
    """When the last step ended. A report that is written again later does not make a run longer."""
    ended = [s["finished"] for s in steps if s.get("finished") and s["name"] != "report"]
    return max(ended, default=published or format_timestamp(datetime.now(UTC)))


def _totals(tables: list[Record], steps: list[Record], earlier: Mapping[str, float]) -> Record:
    """Sums over the tables that were measured; None where none was. The seconds are those of every start."""
    sums = {name: _sum([t[name] for t in tables]) for name in SUMMED}
    seconds = sum((s["seconds"] or 0.0) + earlier.get(s["name"], 0.0) for s in steps)
    least = [t["items_written_at_least"] for t in tables if t["items_written_at_least"] is not None]
    known = {"items_written_at_least": (sums["items_written"] or 0) + sum(least) if least else None}
    return {"tables": len(tables), **sums, **known, "seconds": round(seconds, 3)}


def _sum(values: list[int | None]) -> int | None:
    known = [v for v in values if v is not None]
    return sum(known) if known else None
