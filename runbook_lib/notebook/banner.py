"""The top of a notebook: where this is, whether anything may be written, which run it is and what comes next."""

from __future__ import annotations

import os
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import quote

from runbook_lib.aws.session.identity import Identity
from runbook_lib.notebook.output import BAD, OPEN, PLAIN, chip, colour_of
from runbook_lib.notebook.verdict import verdict_of_run
from runbook_lib.report.judged import judged_record
from runbook_lib.report.render.escape_markdown import visible
from runbook_lib.report.text import moment
from runbook_lib.run.admission.admit import is_begun, is_of_runner
from runbook_lib.run.admission.sitting import finished_before, to_go_on
from runbook_lib.run.facts.export import EXPORT_TIME
from runbook_lib.run.facts.load import EXECUTED
from runbook_lib.run.facts.publication import PUBLICATION
from runbook_lib.run.facts.starts import ATTEMPTS, STARTED, STEP_FACTS, StepStatus
from runbook_lib.run.facts.targets import CLEANED
from runbook_lib.run.run import Run
from runbook_lib.run.unfinished import SUMS
from runbook_lib.run.verdicts import DRY_RUN, PASS

NEXT = {
    "preflight": "10_export", "export": "20_import", "import": "30_validate", "validate": "90_report",
    "catch_up": "30_validate", "cut_over": "90_report", "repair": "30_validate", "report": "95_cleanup",
    "transform": "20_import", "leak_scan": "90_report", "surroundings": "90_report",
}  # fmt: skip
TO_UNDO = "only after a rehearsal, or to undo the import"  # a migration that passed is over
WITH_TRANSFORM = {"export": "15_transform", "validate": "33_leak_scan"}
WRITES, REMOVES = ("import", "catch_up", "repair", "cut_over"), ("cleanup",)


@dataclass(frozen=True, slots=True)
class Banner:
    """`mode` and its colour are read from afar; the rows say the rest."""

    mode: str
    colour: str
    says: str
    rows: tuple[tuple[str, str], ...]
    links: tuple[tuple[str, str], ...]
    strong: bool
    elsewhere: str

    def __str__(self) -> str:
        where = f"NOT AWS: {self.elsewhere}; " if self.elsewhere else ""
        return "\n".join([f"{where}{self.mode}: {self.says}", *(f"{name}: {value}" for name, value in self.rows)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        edge = f"border:3px solid {self.colour};" if self.strong else f"border:1px solid {self.colour};"
        where = chip(f"NOT AWS: {visible(self.elsewhere)}", PLAIN) + " " if self.elsewhere else ""
        rows = "".join(
            f"<tr><td style='{_CELL}white-space:nowrap;'><b>{escape(name)}</b></td>"
            f"<td style='{_CELL}width:100%;white-space:normal'>{escape(visible(value))}</td></tr>"
            for name, value in self.rows
        )
        links = "&nbsp;&middot; ".join(f"<a href='{escape(to)}'>{escape(name)}</a>" for name, to in self.links)
        size = "140%" if self.strong else "115%"
        return (
            f"<div style='{edge}border-left:16px solid {self.colour};padding:8px 12px;text-align:left'>"
            f"<div style='font-size:{size}'>{chip(self.mode, self.colour)} {where}</div>"
            f"<div style='margin:6px 0'>{escape(self.says)}</div>"
            f"<table style='table-layout:auto;border-collapse:collapse;margin:0'><tbody>{rows}</tbody></table>"
            f"<div style='margin-top:6px'>{links}</div></div>"
        )


_CELL = "text-align:left;padding:1px 12px 1px 0;vertical-align:top;border:0;"


def banner_of(run: Run, step: str) -> Banner:
    """The banner of the notebook that does a step of a run."""
    mode, colour, says = _mode(run, step)
    says += _taken_back(run, step)
    source, target = run.clients.source_identity, run.clients.target_identity
    rows = (
        ("run", f"{run.id}, {_state(run)}"),
        ("source", _place(source)),
        ("target", _place(target)),
        ("staging", f"s3://{run.config.staging.bucket}/{run.config.staging.prefix}"),
        ("tables", run.only),
        ("folder", str(run.folder)),
    )
    strong = step in (*WRITES, *REMOVES)
    elsewhere = next((who.endpoint for who in (source, target) if not who.is_aws), "")
    return Banner(mode, colour, says, rows, _links(run, step), strong, elsewhere)


def _mode(run: Run, step: str) -> tuple[str, str, str]:
    """The one word for what may happen here, its colour, and the sentence that says what that means."""
    there = f"{run.clients.target_identity.account}/{run.clients.target_identity.region}"
    if step in REMOVES:
        if run.execute:
            return "REMOVING", BAD, f"removes what this run created in {there}, once its id is typed"
        return "DRY RUN", OPEN, f"nothing will be removed in {there}; execute = True and confirm_cleanup remove"
    if step != "preflight" and not is_begun(run.folder) and (meant := to_go_on(run.id, run.sitting)):
        return "NO PLAN", BAD, f"{meant}; run {run.id} would be a new one, which begins with 00_preflight"
    if step in WRITES and run.execute:  # whatever was proved before
        return "WRITING", BAD, f"items will be written to {there}, once the gate below allows it"
    if step == "repair":  # which is for runs that failed: the verdict says nothing new here
        return "DRY RUN", OPEN, f"nothing will be written to {there}; execute = True and confirm_repair write"
    if verdict := _verdict(run):
        return verdict, colour_of(verdict), _said_of(verdict, run)
    written = EXECUTED.of(run.ledger) is True
    if step in WRITES:
        return "DRY RUN", OPEN, f"nothing will be written to {there}; execute = True writes"
    if run.config.validate_.canary and step == "validate" and run.execute:
        return "WRITING", BAD, f"one reserved item will be written to each target in {there} and deleted again"
    if written:
        return "READS ONLY", PLAIN, f"this notebook writes nothing to {there}; this run has written there"
    allowed = "20_import will write" if run.execute else "so far this run is a dry run"
    return "READS ONLY", PLAIN, f"this notebook writes nothing to {there}; {allowed}"


def _report_stands(run: Run) -> bool:
    """Whether a report was written, and nothing of the run begun since: the first byte of a step takes the seal off."""
    report = STEP_FACTS.of(run.ledger, "report")
    completed = report is not None and report.status == StepStatus.COMPLETED
    return completed and PUBLICATION.of(run.ledger) is not None and (run.folder / SUMS).is_file()


def _verdict(run: Run) -> str:
    """The verdict of the report that stands; empty where none does, whatever could be said of the run as it is now."""
    published = PUBLICATION.of(run.ledger)
    if published is None or not _report_stands(run):
        return ""
    return str(judged_record(run.ledger, run.id, run.config.name, interrupted=published.interrupted).verdict)


def _taken_back(run: Run, step: str) -> str:
    """What becomes of a report that is there when a further step is begun, even one that only looks."""
    if step in ("report", *REMOVES) or not _report_stands(run):
        return ""
    return "; what runs below takes the report back, until 90_report writes it again"


def _said_of(verdict: str, run: Run) -> str:
    if cleaned := CLEANED.of(run.ledger):
        return f"the verdict of this run's report; what it had created was removed {moment(cleaned)}"
    return "the verdict of this run's report as it was last written"


def _state(run: Run) -> str:
    """Whether the run is new or gone on with, and why another one is not."""
    if not is_begun(run.folder):
        known = finished_before(run.id, run.sitting)
        why = f"; run {known} is finished, and {to_go_on(run.id, run.sitting)}" if known else ""
        return f"NEW: nothing of it is there yet{why}"
    exported = EXPORT_TIME.of(run.ledger)
    of = f"its exports are of {moment(exported)}" if exported else "nothing is exported yet"
    first = is_of_runner(run.ledger) and len(ATTEMPTS.of(run.ledger) or ()) == 1
    return f"{'NEW' if first else 'RESUMED'}: begun {moment(STARTED.of(run.ledger))}; {of}"


def _missing(run: Run, step: str) -> str | None:
    """The notebook that this one cannot do without, and that has not come to its end in this run."""
    before = {"preflight": "00_preflight"} if step != "preflight" else {}
    if step not in ("preflight", "export", "report", "cleanup", "surroundings"):
        before["export"] = "10_export"
    facts = {name: STEP_FACTS.of(run.ledger, name) for name in before}
    missing = (name for name, fact in facts.items() if fact is None or fact.status != StepStatus.COMPLETED)
    return next((before[name] for name in missing), None)


def _after_the_report(run: Run) -> list[tuple[str, str]]:
    """What a verdict leads to: what failed is explained and repaired, and only what is proved may be undone here."""
    record = judged_record(run.ledger, run.id, run.config.name)
    if record.cleaned or record.rolled_back:
        return []
    books = verdict_of_run(record, run.folder).books
    found = [(f"next: {books[0]}, see the verdict below", f"{books[0]}.ipynb")] if books else []
    undo = [(f"{TO_UNDO}: {NEXT['report']}", f"{NEXT['report']}.ipynb")] if record.verdict in (PASS, DRY_RUN) else []
    return found + undo


def _place(who: Identity) -> str:
    return f"{who.account}/{who.region}" + ("" if who.is_aws else f" at {who.endpoint}")


def _links(run: Run, step: str) -> tuple[tuple[str, str], ...]:
    """The next notebook, beside this one, and the report, as far as JupyterLab can open it from here."""
    own = {**NEXT, **WITH_TRANSFORM} if run.config.transform else NEXT
    if (first := _missing(run, step)) is not None:
        found = [(f"first: {first}", f"{first}.ipynb")]
    elif step == "report":
        found = _after_the_report(run)
    else:  # nothing follows a cleanup: it writes the report itself, and the run is not resumed
        found = [(f"next: {own[step]}", f"{own[step]}.ipynb")] if step in own else []
    if (run.folder / "report.html").is_file():
        way = os.path.relpath(run.folder / "report.html", Path.cwd())
        found.append(("report", quote(way)))
    return tuple(found)
