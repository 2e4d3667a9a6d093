"""What GitHub Actions is told besides the log: annotations for the reasons, and the report as the job's summary."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from runbook_lib.atomic_files import encoded
from runbook_lib.report.model import ReportModel
from runbook_lib.report.render.escape_markdown import visible
from runbook_lib.run.verdicts import DRY_RUN, PASS

SWITCH, SUMMARY = "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"
MOST = 10  # GitHub shows ten of a kind for each step


def annotations_of(report: ReportModel) -> list[str]:
    """One command for each reason and each warning, at most ten of a kind; the last says how many there are more."""
    record = report.record
    reasons = [] if record.verdict in (PASS, DRY_RUN) else report.why
    warnings = [f"{w.table}: {w.found}" if w.table else str(w.found) for w in record.warnings]
    title = f"{record.verdict}: {record.name}"
    return [*_commands("error", title, reasons), *_commands("warning", record.name, warnings)]


def note_on_github(report: ReportModel, folder: Path, environment: Mapping[str, str]) -> list[str]:
    """The annotations, where GitHub runs this; also appends `report.md` to the summary of the job."""
    if environment.get(SWITCH) != "true":
        return []
    page = folder / "report.md"
    if (summary := environment.get(SUMMARY)) and page.is_file():
        with open(summary, "ab") as file:
            file.write(page.read_bytes() + encoded("\n"))
    return annotations_of(report)


def _commands(kind: str, title: str, texts: list[str]) -> list[str]:
    shown = texts if len(texts) <= MOST else [*texts[: MOST - 1], f"{len(texts) - MOST + 1} more, in the report"]
    return [f"::{kind} title={_property(title)}::{_data(text)}" for text in shown]


def _data(text: str) -> str:
    """Text that is no command of its own, whatever it holds."""
    return visible(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
