"""A run's tables as JUnit XML, which most CI systems show: one case for each table, and one for the run as a whole."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from runbook_lib.record.model.table import TableRecord
from runbook_lib.report.model import ReportModel
from runbook_lib.report.render.escape_markdown import visible
from runbook_lib.run.verdicts import DRY_RUN, INTERRUPTED, NOT_CHOSEN, PASS, UNKNOWN

THE_RUN = "the run"
NOTHING_PROVED = "dry run: nothing was written, so nothing is proved"


def junit(report: ReportModel) -> str:
    """The XML of a run. A table that was not chosen, or of a dry run, is skipped; what is not proved has failed."""
    record = report.record
    suite = ET.Element("testsuite", {"name": visible(record.name), "timestamp": str(record.started or "")})
    about = ET.SubElement(suite, "properties")
    for name, value in {"run_id": record.run_id, "verdict": record.verdict, **report.places}.items():
        ET.SubElement(about, "property", {"name": name, "value": visible(str(value))})
    whole = _case(suite, record.name, THE_RUN, record.totals.seconds)
    if record.verdict not in (PASS, DRY_RUN):
        _outcome(whole, "error" if record.verdict == INTERRUPTED else "failure", record.verdict, report.why)
    for table in record.tables:
        _table(_case(suite, record.name, f"{table.source} to {table.target}", table.seconds), table)
    cases = list(suite.iter("testcase"))
    suite.set("tests", str(len(cases)))
    for kind, plural in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        suite.set(plural, str(sum(case.find(kind) is not None for case in cases)))
    suites = ET.Element("testsuites")
    suites.append(suite)
    ET.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suites, encoding="unicode") + "\n"


def _case(suite: ET.Element, group: str, name: str, seconds: float | None) -> ET.Element:
    taken = {} if seconds is None else {"time": f"{seconds:.3f}"}
    return ET.SubElement(suite, "testcase", {"classname": visible(group), "name": visible(name), **taken})


def _table(case: ET.Element, table: TableRecord) -> None:
    if table.method == NOT_CHOSEN:
        ET.SubElement(case, "skipped", {"message": "not chosen"})
    elif table.verdict == DRY_RUN:
        ET.SubElement(case, "skipped", {"message": NOTHING_PROVED})
    elif table.verdict != PASS:
        _outcome(case, "error" if table.verdict == UNKNOWN else "failure", str(table.verdict), table.reasons)


def _outcome(case: ET.Element, kind: str, verdict: str, reasons: list[str]) -> None:
    shown = [visible(reason) for reason in reasons]
    ET.SubElement(case, kind, {"message": shown[0] if shown else verdict, "type": verdict}).text = "\n".join(shown)
