"""The steps of a run, and how to go on after one of them was stopped."""

from __future__ import annotations

from runbook_lib.run.ledger import Ledger

STEPS = ("preflight", "export", "import", "validate", "report")
CATCH_UP = "catch_up"  # a step of a command of its own, or of a run that was handed windows with its export
AFTERWARDS = ("report", "cleanup")  # what may still be done with a run whose traces were removed
GO_ON = {
    "preflight": "Nothing was changed; run it again.",
    "export": "Exports that were started go on in AWS; run it again with the same run id and it finds them.",
    "create": "A table that is being made is recorded; run it again with the same run id and it is found.",
    "import": "What was acknowledged is recorded; run it again with the same run id and it goes on from there.",
    "catch_up": "What was acknowledged is recorded; run it again with the same run id and it goes on from there.",
    "validate": "Run it again with the same run id; what was read of the export counts, the target is scanned anew.",
    "report": "Run it again.",
    "cleanup": "What was removed is recorded; run it again and it goes on from there.",
}


def with_windows(steps: tuple[str, ...]) -> tuple[str, ...]:
    """The steps of a run with that which applies windows, after the import."""
    if "import" not in steps:
        return steps
    at = steps.index("import") + 1
    return (*steps[:at], CATCH_UP, *steps[at:])


def keep_seconds(ledger: Ledger, step: str) -> None:
    """Add what the last start of a step has taken to the seconds of its starts before, and forget its record."""
    if seconds := (ledger.get("step", step) or {}).get("seconds"):
        ledger.put("seconds", step, (ledger.get("seconds", step) or 0.0) + seconds)
    ledger.forget("step", step)
