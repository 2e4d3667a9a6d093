"""The verdict of a run as the last notebook says it, with the reasons and where the report is."""

from __future__ import annotations

import os
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import quote

from runbook_lib.notebook.output import chip, colour_of
from runbook_lib.record.run_json import RunRecord
from runbook_lib.report.model import ReportModel
from runbook_lib.report.render.escape_markdown import visible


@dataclass(frozen=True, slots=True)
class ShownVerdict:
    """A run's verdict: its headline, what was done, why it is so, and the report's file."""

    verdict: str
    headline: str
    done: str
    why: tuple[str, ...]
    report: Path

    def __str__(self) -> str:
        return "\n".join([self.headline, self.done, *(f"  {text}" for text in self.why), f"report: {self.report}"])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        colour = colour_of(self.verdict)
        reasons = "".join(f"<li>{escape(visible(text))}</li>" for text in self.why)
        report = quote(os.path.relpath(self.report, Path.cwd()))
        return (
            f"<div style='border:3px solid {colour};border-left:16px solid {colour};padding:8px 12px;text-align:left'>"
            f"<div style='font-size:200%'>{chip(self.headline, colour)}</div><p>{escape(visible(self.done))}</p>"
            f"<ul>{reasons}</ul>"
            f"<p><a href='{escape(report)}'>report</a>: <code>{escape(visible(str(self.report)))}</code></p></div>"
        )


def verdict_of_run(record: RunRecord, folder: Path) -> ShownVerdict:
    """What the report of a run says first."""
    said = ReportModel(record)
    return ShownVerdict(said.verdict, said.headline, said.sentence, tuple(said.why), folder / "report.html")
