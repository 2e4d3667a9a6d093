"""The report of a run for people: one HTML file that opens offline.

Reads nothing but the record and the charts. A number that was not measured is never shown as 0.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from jinja2 import ChainableUndefined, Environment, PackageLoader, Undefined
from markupsafe import Markup, escape

from runbook_lib.report import text as wording
from runbook_lib.report.model import ReportModel
from runbook_lib.report.render.escape_markdown import Markdown, code, markdown, visible
from runbook_lib.report.sections.masking.unmade import quarantine_sentence

if TYPE_CHECKING:  # matplotlib takes most of a second, and only what draws needs it
    from runbook_lib.report.render.charts.drawing import Chart

SHOWN_REASONS = 8
# A number and what it counts stay on one line.
UNIT = re.compile(r"(\d) ((?:s|min|h|B|kB|MB|GB|TB|items/s|/ s|units|USD)\b)")
WORD = re.compile(r"(?<![\w/.:-])(?:--[a-z][a-z-]{1,20}|[A-Z]?[a-z]{1,12}-[a-z]{1,12})(?![\w/-])")
NOTES = (
    "Changes made to a source table after its export time, or the end of its last window, are not in the target.",
    "TTL, streams, backups, tags, capacity, auto scaling, resource policies, Kinesis destinations and contributor "
    "insights are compared where permissions allow it; none of them is moved. Consumers of streams are not checked.",
    "Indexes are queried for a sample of their keys, not for every item.",
    "This tool connects no application to the target and runs none of its queries.",
    "What happened to a target after its scan is not known.",
)


def render_html(report: ReportModel, charts: Sequence[Chart]) -> str:
    """The whole report as one self-contained page, without scripts and without anything to load."""
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            record=report.record,
            quarantined_by=quarantine_sentence(report.record),
            why=[wording.shortened(text) for text in report.why[:SHOWN_REASONS]],
            cut=len(report.why) > SHOWN_REASONS or any(wording.shortened(text) != text for text in report.why),
            left_names=[name for name, _ in report.left_out],
            charts=[(chart, _embedded(chart)) for chart in charts],
            notes=NOTES,
            footer=report.record.run_id if wording.PLAIN_NAME.fullmatch(report.record.run_id) else "",
            troubled=len(report.rows) - sum(row.is_calm for row in report.rows),
            listed=wording.listed,
        )
    )


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
        rate=lambda value: wording.rate(value if isinstance(value, (int, float)) else None),
        moment=lambda value: wording.moment(_known(value)),
        recorded=lambda value: wording.NOT_RECORDED if _known(value) in (None, "") else value,
        md=markdown,
        code=code,
        as_it_is=Markdown,
        unbroken=lambda value: _unbroken(value) if isinstance(value, str) else value,
    )
    return made


def _unbroken(text: str) -> Markup:
    """Text as HTML in which numbers keep their units, and options and short hyphened words their hyphens."""
    return Markup(WORD.sub(r'<span class="one">\g<0></span>', str(escape(UNIT.sub("\\1\u00a0\\2", visible(text))))))


def _known(value: object) -> object:
    return None if isinstance(value, Undefined) else value


def _embedded(chart: Chart) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(chart.path.read_bytes()).decode()
