"""The report of a run for people: one HTML file that opens offline.

Reads nothing but the record and the charts. A number that was not measured is never shown as 0.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import ChainableUndefined, Environment, PackageLoader, Undefined

from runbook_lib.record.anchor import anchor_in_words
from runbook_lib.record.run_json import Record, RunRecord
from runbook_lib.report import text as wording
from runbook_lib.report.figures.size_classes import size_classes
from runbook_lib.report.figures.timings import seconds_of, slowest
from runbook_lib.report.figures.totals import total
from runbook_lib.report.render.escape_markdown import Markdown, code, markdown, visible
from runbook_lib.report.sections.check_rows import check_count, check_rows
from runbook_lib.report.sections.checklist import calls, checklist
from runbook_lib.report.sections.cost_rows import STAGES, advice, cost_rows, dry_run_summary, prices, stages
from runbook_lib.report.sections.findings import attention, expected_in_target, not_migrated, tables_of
from runbook_lib.report.sections.not_checked import how_to_accept, unknown_lines
from runbook_lib.report.sections.schema_findings import (
    index_summary,
    notable_indexes,
    parity_rows,
    parity_summary,
)
from runbook_lib.report.sections.summary import actor, headline, place, sentence, verdict_of, verdicts, why
from runbook_lib.report.sections.undo_notes import undo_notes
from runbook_lib.run.verdicts import DRY_RUN, PASS

if TYPE_CHECKING:  # matplotlib takes most of a second, and only what draws needs it
    from runbook_lib.report.render.charts import Chart

SHOWN_REASONS = 8
# Tables that say nothing but that all is well; the others of them are folded.
SHOWN_ALIKE, LEAST_FOLDED = 12, 5
NOTES = (
    "Changes made to a source table after its export time are not in the target.",
    "TTL, streams, backups, tags and capacity are compared where they may be asked for, and none of them is moved. "
    "Auto scaling, resource policies, contributor insights and consumers of streams are not looked at.",
    "Indexes are asked for a sample of their keys, not for every item.",
    "This tool connects no application to the target and runs none of its queries.",
    "What happened to a target after its scan is not known.",
)


def render_html(record: Record, charts: Sequence[Chart]) -> str:
    """The whole report as one self-contained page, without scripts and without anything to load."""
    tables = tables_of(record)
    return environment().get_template("report.html.j2").render(
        record=record,
        verdict=verdict_of(record),
        headline=headline(record),
        tables=tables,
        rows=folded([reconciled(record, t) for t in tables]),
        sums=totals(record),
        sentence=sentence(record),
        verdicts=verdicts(record),
        why=[wording.shortened(text) for text in why(record)[:SHOWN_REASONS]],
        reasons=why(record),
        cut=_is_cut(why(record)),
        compared_only=any(t.get("compared_only") for t in tables_of(record)),
        drifted=[t for t in tables_of(record) if t.get("drift")],
        differences=record.get("differences") or {},
        quarantine=quarantined(record),
        left_out=not_migrated(record),
        left_names=[name for name, _ in not_migrated(record)],
        unknown=unknown_lines(record),
        how_to_accept=how_to_accept(record),
        attention=attention(record),
        undo=undo_notes(record),
        places={side: place(record, side) for side in ("source", "target")},
        actors={side: actor(record, side) for side in ("source", "target")},
        charts=[(chart, _embedded(chart)) for chart in charts],
        classes=size_classes(record),
        slowest=slowest(record),
        checks=checklist(record),
        **definitions(record),
        looks={
            "notable": [look for look in check_rows(record) if look.status != "ok"],
            "ok": [look for look in check_rows(record) if look.status == "ok"],
        },
        looked=check_count(record),
        bill=cost_rows(record),
        stages=[STAGES[stage] for stage in stages(record)],
        prices=prices(record),
        would=dry_run_summary(record),
        advice=advice(record),
        calls=calls(record),
        code=_code(record),
        anchor=anchor_in_words(RunRecord.model_validate(record)),
        notes=NOTES,
    )  # fmt: skip


def definitions(record: Record) -> dict[str, Any]:
    """What the sections on definitions and indexes show."""
    return {
        "parity_summary": parity_summary(record),
        "parity_rows": parity_rows(record),
        "index_summary": index_summary(record),
        "notable_indexes": notable_indexes(record),
        "listed": wording.listed,
    }


@cache
def environment() -> Environment:
    """The package's templates with the words for numbers as filters; HTML is escaped, Markdown escapes itself."""
    made = Environment(
        loader=PackageLoader(__package__),
        autoescape=lambda name: name is None or not name.endswith(".md.j2"),
        finalize=lambda value: visible(value) if type(value) is str else value,
        undefined=ChainableUndefined,  # an older or a broken record lacks fields: they were not recorded
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        count=lambda value: wording.count(_known(value)),
        duration=lambda value: wording.duration(_known(value)),
        size=lambda value: wording.size(_known(value)),
        moment=lambda value: wording.moment(_known(value)),
        recorded=lambda value: wording.NOT_RECORDED if _known(value) in (None, "") else value,
        md=markdown,
        code=code,
        as_it_is=Markdown,
    )
    return made


def _known(value: object) -> object:
    return None if isinstance(value, Undefined) else value


def totals(record: Record) -> list[tuple[str, str]]:
    """The totals, each added up from the tables anew."""
    tables = record.get("tables") or []
    table_load = [v for t in tables if (v := (t.get("seconds_by_step") or {}).get("import")) is not None]
    written, present, busy = total(tables, "items_written"), total(tables, "items_present"), sum(table_load)
    rate = f"{wording.count(round(written.value / busy))} items/s" if written.value and busy else wording.NOT_MEASURED
    weight = total(tables, "bytes")
    billed = wording.size(weight.value) if weight.known else wording.NOT_MEASURED
    return [
        ("Tables", f"{len(tables):,} ({verdicts(record)})"),
        ("Items in the manifests", str(total(tables, "items_exported"))),
        ("Lines read from the exports", str(total(tables, "lines_read"))),
        ("Writes acknowledged", f"{written}{f', and {present} present, owner not known' if present.value else ''}"),
        ("Items in the targets, by scan", str(total(tables, "items_in_target"))),
        ("Filtered / in quarantine", f"{total(tables, 'items_filtered')} / {total(tables, 'items_quarantined')}"),
        *((kind.capitalize(), str(total(tables, kind))) for kind in ("missing", "different", "extra", "expired")),
        ("Empty tables", _empty(tables)),
        ("Exported data, as the manifests bill it", billed),
        ("Time spent in the steps", wording.duration((record.get("totals") or {}).get("seconds"))),
        ("Import rate", f"{rate} over {wording.duration(busy)} of loading" if table_load else wording.NOT_MEASURED),
    ]  # fmt: skip


def _empty(tables: Sequence[Record]) -> str:
    """How many exports held nothing, and of how many of those the target was found to hold nothing too."""
    empty = [t for t in tables if t.get("items_exported") == 0]
    proved = sum(t.get("verdict") == PASS and t.get("items_in_target") == 0 for t in empty)
    known = total(tables, "items_exported")
    found = f"{len(empty):,}{known.limits}" if known.known else wording.NOT_MEASURED
    return f"{found}; of {proved:,} of them a scan of the target proved it" if empty else found


def reconciled(record: Record, table: Record) -> dict[str, Any]:
    """A table's row: every count as text, and which of them disagree with the manifest."""
    exported, written = table.get("items_exported"), bool(record.get("executed"))
    present = table.get("items_present") or 0
    due = exported - present if written and exported is not None else None
    expected = {"items_exported": exported, "lines_read": exported, "items_written": due}
    if table.get("items_in_target") is not None:
        expected["items_in_target"] = expected_in_target(table)
    proved_empty = exported == 0 and table.get("verdict") == PASS
    counts = {}
    for name in ("items_exported", "lines_read", "items_written", "items_in_target"):
        value, least = table.get(name), table.get(f"{name}_at_least")
        text = "no data file" if value is None and exported == 0 and table.get("files") == 0 else wording.count(value)
        text = f"at least {wording.count(least)}" if value is None and least is not None else text
        off = value is not None and expected.get(name) is not None and value != expected[name]
        counts[name] = {"text": f"\u2260 {text}" if off else text, "off": off, "gap": value is None}
    if proved_empty:
        counts["items_exported"]["text"] = "0 (empty, proved)"
    for name in ("items_quarantined", "missing", "extra", "different", "expired"):
        value = table.get(name)
        off = bool(value) and name not in ("expired", "extra")
        off = off or (name == "extra" and (value or 0) > (table.get("there_before") or 0))
        counts[name] = {"text": wording.count(value), "off": off, "gap": value is None}
    seconds = seconds_of(table)["all"]
    return {"table": table, "counts": counts, "seconds": seconds, "verdict": str(table.get("verdict") or "UNKNOWN")}


def folded(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The rows to be shown at once, and the rest that only repeats that all is well, with its summary."""
    calm = [r for r in rows if r["verdict"] in (PASS, DRY_RUN) and not any(c["off"] for c in r["counts"].values())]
    rest = calm[SHOWN_ALIKE:] if len(calm) >= SHOWN_ALIKE + LEAST_FOLDED else []
    words = " and ".join(sorted({r["verdict"] for r in rest}))
    items = total([r["table"] for r in rest], "items_exported").with_noun("items exported")
    return {
        "shown": [r for r in rows if r not in rest],
        "folded": rest,
        "summary": f"all {words}, {items} together",
    }


def quarantined(record: Record) -> list[dict[str, Any]]:
    """What was refused, by table and reason; where the record has no reason for an item, where to look for it."""
    rows = [dict(row) for row in record.get("quarantine") or []]
    for table in tables_of(record):
        told = sum(row.get("items") or 0 for row in rows if row.get("source") == table.get("source"))
        if (left := (table.get("items_quarantined") or 0) - told) > 0:
            rows.append({"source": table.get("source"), "items": left, "reason": wording.where_refused(table)})
    return sorted(rows, key=lambda row: -(row.get("items") or 0))


def _code(record: Record) -> list[tuple[str, str]]:
    """What ran, as names and values."""
    code = record.get("code") or {}
    notebooks, packages = code.get("notebooks") or {}, code.get("packages") or {}
    versions = ", ".join(f"{name} {version}" for name, version in sorted(packages.items()))
    return [
        *_engines(record),
        ("git commit", str(code.get("git") or wording.NOT_RECORDED)),
        *((f"sha256 of {name}", str(digest)) for name, digest in sorted(notebooks.items())),
        ("packages", versions or wording.NOT_RECORDED),
    ]


def _engines(record: Record) -> list[tuple[str, str]]:
    """Who did the work of a step, where it was not this process alone."""
    found = []
    for step, engine in sorted((record.get("engine") or {}).items()):
        if engine.get("kind") not in (None, "local"):
            workers = wording.pluralize(engine.get("workers"), "worker process", "worker processes")
            dashboard = engine.get("dashboard") or wording.NOT_RECORDED
            said = f"{engine['kind']}: {workers} at {engine.get('scheduler')}, {engine.get('slots')} units at once"
            found.append((f"engine of the {step}", f"{said}; dashboard {dashboard}"))
    return found


def _is_cut(reasons: list[str]) -> bool:
    return len(reasons) > SHOWN_REASONS or any(wording.shortened(r) != r for r in reasons)


def _embedded(chart: Chart) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(chart.path.read_bytes()).decode()
