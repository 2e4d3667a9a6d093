"""The verdict of a run as the last notebook says it, with the reasons and where the report is."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from urllib.parse import quote

from runbook_lib.notebook.output import OPEN, PLAIN, chip, colour_of
from runbook_lib.paths import command_here
from runbook_lib.record.remedy import DELETE_EXTRA
from runbook_lib.record.run_json import RunRecord
from runbook_lib.report.model import ReportModel
from runbook_lib.report.render.escape_markdown import visible
from runbook_lib.report.sections.first_screen.standing import NextStep
from runbook_lib.run.steps import LEAK_SCAN, REPAIR

BOOKS = {
    "import": "20_import", REPAIR: "35_repair", "validate": "30_validate", LEAK_SCAN: "33_leak_scan",
    "report": "90_report",
}  # fmt: skip
THEN = "Then, when it was measured:"


@dataclass(frozen=True, slots=True)
class ShownVerdict:
    """A run's verdict: where it was, its headline, what was done, why it is so, what comes next, the report's file."""

    verdict: str
    headline: str
    done: str
    why: tuple[str, ...]
    report: Path
    not_aws: str | None = None
    next: NextStep | None = None
    now: str | None = None

    @property
    def books(self) -> tuple[str, ...]:
        """The notebooks that do what is next, in their order; none where only a command does."""
        return tuple(BOOKS[step] for step in self.next.steps) if self.next else ()

    @property
    def _settings(self) -> str:
        """What the first notebook is to be given beside its defaults to do what the first command does."""
        if self.books[:1] == (BOOKS["import"],):
            return f' with run_id = "{self.report.parent.name}" and execute = True, where the target can be entered'
        first = self.next.commands[0].split() if self.next and self.next.commands else []
        return " with delete_extra = True" if self.books[:1] == (BOOKS[REPAIR],) and DELETE_EXTRA in first else ""

    def __str__(self) -> str:
        after = [f"next: {self.next.what}", *(f"  {command}" for command in self.next.commands)] if self.next else []
        where = [self.not_aws] if self.not_aws else []
        why = [f"  {text}" for text in self.why]
        books = (
            [f"or here: {', then '.join([f'{self.books[0]}{self._settings}', *self.books[1:]])}"] if self.books else []
        )
        then = [THEN] if self.now else []
        now = [f"now: {self.now}"] if self.now else []
        return "\n".join(
            [*where, *then, self.headline, *now, self.done, *why, *after, *books, f"report: {self.report}"]
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        colour = OPEN if self.now else colour_of(self.verdict)
        then = f"<div>{THEN}</div>" if self.now else ""
        now = f"<p><b>Now:</b> {escape(visible(self.now))}</p>" if self.now else ""
        reasons = "".join(f"<li>{escape(visible(text))}</li>" for text in self.why)
        report = quote(os.path.relpath(self.report, Path.cwd()))
        where = f" <span style='font-size:55%'>{chip(visible(self.not_aws), PLAIN)}</span>" if self.not_aws else ""
        return (
            f"<div style='border:3px solid {colour};border-left:16px solid {colour};padding:8px 12px;text-align:left'>"
            f"{then}<div style='font-size:200%'>{chip(self.headline, colour)}{where}</div>{now}"
            f"<p>{escape(visible(self.done))}</p><ul>{reasons}</ul>{self._after()}"
            f"<p><a href='{escape(report)}'>report</a>: <code>{escape(visible(str(self.report)))}</code></p></div>"
        )

    def _after(self) -> str:
        if self.next is None:
            return ""
        commands = "".join(f"<br><code>{escape(visible(command))}</code>" for command in self.next.commands)
        said = [f"<a href='{book}.ipynb'>{book}</a>" for book in self.books]
        links = ", then ".join([f"{said[0]}{escape(self._settings)}", *said[1:]]) if said else ""
        here = f"<br>Or here, in JupyterLab: {links}" if links else ""
        return f"<p><b>Next:</b> {escape(visible(self.next.what))}{commands}{here}</p>"


def verdict_of_run(record: RunRecord, folder: Path) -> ShownVerdict:
    """What the report of a run says first."""
    said = ReportModel(record)
    report, why = folder / "report.html", tuple(said.why)
    after = said.next_step
    if after is not None:
        after = replace(after, commands=tuple(command_here(command) for command in after.commands))
    return ShownVerdict(said.verdict, said.headline, said.sentence, why, report, said.not_aws, after, said.since_then)
