"""What is made before the first question, so that an account makes it all at once and nobody waits for each in turn."""

from __future__ import annotations

from runbook_lib.conformance.fixtures import FIXTURES
from runbook_lib.conformance.made.exports import FILTER, away, export_started, recovered
from runbook_lib.conformance.subject import CannotAsk, Subject


def make_ahead(subject: Subject) -> None:
    """Have all tables made, then start the exports; what cannot be had is told by the questions that need it."""
    for what in FIXTURES:
        subject.create(what)
    for what in FIXTURES:
        subject.table(what)
    if not subject.has_bucket:
        return
    recovered(subject)
    export_started(subject, "full", ClientToken=f"{subject.names.id}-full")
    export_started(subject, "filtered", FilterSpecification=FILTER)
    export_started(subject, "nowhere", S3Bucket=subject.names.table("no-bucket"))
    try:
        away(subject)
        export_started(subject, "elsewhere")
    except CannotAsk:
        return
