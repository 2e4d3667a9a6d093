"""What whoever signs a report signs: no more than the run came to, and what has become of it since."""

from __future__ import annotations

from dataclasses import dataclass

from runbook_lib.report.figures.run_figures import RunFigures
from runbook_lib.report.sections.first_screen.standing import since_then
from runbook_lib.report.sections.first_screen.summary import headline
from runbook_lib.report.text import NOT_RECORDED
from runbook_lib.run.verdicts import DRY_RUN, INTERRUPTED, PASS, RUNNING

UNFINISHED: dict[str, str] = {INTERRUPTED: "was stopped before it came to its end", RUNNING: "has not ended"}


@dataclass(frozen=True, slots=True)
class SignOff:
    """The sentence above the lines for name, date and signature, and whether there is anything to sign."""

    said: str
    lines: bool = True


def sign_off(figures: RunFigures) -> SignOff:
    """What a signature under this report says."""
    record, now = figures.record, since_then(figures)
    run = f"run {record.run_id or NOT_RECORDED}"
    if record.verdict in UNFINISHED:
        further = f"Now: {now}" if now else "Continue it as the first screen says (Next), and sign its report then."
        return SignOff(f"Nothing to accept: {run} {UNFINISHED[record.verdict]}. {further}", lines=False)
    if now:
        return SignOff(f"Read: {run}, verdict {headline(figures)} then, when it was measured. Now: {now}")
    if record.verdict == DRY_RUN:
        return SignOff(
            f"Read and agreed to as a plan: {run}, {headline(figures)}. Nothing was written to the target and nothing "
            "about it is proved; the run that writes is signed by itself."
        )
    if record.verdict == PASS:
        return SignOff(f"Read and accepted: {run}, verdict {headline(figures)}.")
    return SignOff(
        f"Read: {run}, verdict {headline(figures)}. A signature says that it was read, not that the targets are right."
    )
