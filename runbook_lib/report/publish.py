"""Everything a run leaves for people and machines, written from its ledger and then sealed.

Can be repeated at any time: nothing in the folder but the ledger and the executed notebooks is a source.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from runbook_lib.atomic_files import sweep, sweep_beside, write_atomically
from runbook_lib.record.anchor import Anchor
from runbook_lib.record.model.run import LedgerDigest
from runbook_lib.record.run_json import RUN_JSON, RunRecord, as_text, write_record
from runbook_lib.record.signature import Signature
from runbook_lib.report.judged import judged_record
from runbook_lib.report.model import ReportModel
from runbook_lib.report.render.html import render_html
from runbook_lib.report.render.markdown import render_markdown
from runbook_lib.report.render.run_index import write_index
from runbook_lib.report.text import quarantine_file
from runbook_lib.run.facts.publication import ANCHOR, PUBLICATION, SIGNER, PublicationFact
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.provenance import code_facts
from runbook_lib.run.sealed.seal import seal
from runbook_lib.run.sealed_ledger import Digests, SealedLedger
from runbook_lib.run.tables.comparison import differences
from runbook_lib.run.tables.throughput import samples
from runbook_lib.run.tables.unwritten import quarantined_rows
from runbook_lib.run.unfinished import mark_unfinished
from runbook_lib.run.verdicts import DRY_RUN, PASS
from runbook_lib.timestamps import format_timestamp


def publish(
    folder: Path,
    ledger: Ledger,
    run_id: str,
    name: str,
    *,
    interrupted: bool = False,
    anchor: Anchor | None = None,
    signature: Signature | None = None,
) -> RunRecord:
    """Write charts, report, lists and `run.json`, seal the folder and rebuild the index; returns the record.

    `anchor` and `signature` are asked before the seal what they can be and put after it.
    """
    mark_unfinished(folder)
    sweep_beside(folder)
    for part in (folder, folder / "charts", folder / "quarantine"):
        sweep(part)
    at = format_timestamp(datetime.now(UTC))
    if anchor:
        anchor.look(ledger)
    else:
        ANCHOR.forget(ledger)
    if signature:
        signature.look(ledger)
    else:
        SIGNER.forget(ledger)
    PUBLICATION.record(ledger, PublicationFact(at, run_id, name, interrupted, code_facts()))
    ledger.settle()
    record = judged_record(ledger, run_id, name, interrupted=interrupted)
    try:
        seal(folder, draw_up(folder, with_digests(record, _digests(folder)), ledger))
    except BaseException:
        if record.verdict not in (PASS, DRY_RUN):
            write_record(folder, record)  # on a full disk, for instance, a verdict that is no PASS still stands
        raise
    if anchor:
        anchor.put(folder)
    if signature:
        signature.put(folder)
    write_index(folder.parent)
    return record


def draw_up(folder: Path, record: RunRecord, ledger: Ledger) -> dict[str, str]:
    """Write lists and charts into a folder; returns the pages, which say the verdict, by the names of their files."""
    from runbook_lib.report.render.charts.draw import draw_charts  # most of a second that a kernel need not wait for

    for table in record.tables:
        _write_quarantine(folder, ledger, table.source)
    _write_lines(folder / "differences.jsonl", map(asdict, differences(ledger)))
    report = ReportModel(record)
    charts = draw_charts(report, samples(ledger), folder / "charts")
    return {
        RUN_JSON: as_text(record.to_json()),
        "report.html": render_html(report, charts),
        "report.md": render_markdown(report),
    }


def with_digests(record: RunRecord, digests: Digests) -> RunRecord:
    """The record with what identifies the ledger that it is made of."""
    known = {table: LedgerDigest.model_validate(digest) for table, digest in digests.items()}
    return record.model_copy(update={"ledger": known})


def _digests(folder: Path) -> Digests:
    ledger = SealedLedger(folder / "ledger.sqlite")
    try:
        return ledger.digests()
    finally:
        ledger.close()


def _write_quarantine(folder: Path, ledger: Ledger, source: str) -> None:
    """One file per table that has quarantined items: where they stand in the export and why they are here."""
    rows = quarantined_rows(ledger, source)
    file = folder / "quarantine" / quarantine_file(source)
    if rows:
        _write_lines(
            file,
            (
                {"table": r.source, "file": r.key, "line": r.line, "key_hash": r.key_hash, "reason": r.reason}
                for r in rows
            ),
        )
    else:
        file.unlink(missing_ok=True)


def _write_lines(file: Path, rows: Iterable[Mapping[str, object]]) -> None:
    write_atomically(file, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
