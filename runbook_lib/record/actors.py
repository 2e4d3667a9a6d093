"""Who did the steps of a run and with which code, as it was recorded when they ran.

A report that is written again, by whomever and with whatever code, changes nothing of it.
"""

from __future__ import annotations

from dataclasses import replace

from runbook_lib.run.facts.publication import PublicationFact
from runbook_lib.run.facts.starts import CODES, IDENTITIES, STEP_FACTS, STEP_STARTS, CodeFact, IdentityFact, StepStart
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.provenance import code_facts

# The steps that say who acted on a side and with what, the one that matters most first.
DECISIVE = {
    "source": ("export", "preflight", "validate", "import"),
    "target": ("import", "validate", "preflight", "export"),
}


def acting(ledger: Ledger, side: str) -> IdentityFact | None:
    """Who acted on a side: the account that the run began with, as the ARN that did what matters most there."""
    known, start = IDENTITIES.of(ledger, side), _start(ledger, DECISIVE[side])
    return replace(known, arn=start.arn.get(side)) if known and start else known


def asked_to_write(ledger: Ledger) -> bool:
    """Whether a step, as it was last started, was allowed to write."""
    facts = (STEP_FACTS.of(ledger, step) for step in DECISIVE["target"])
    return any(fact is not None and fact.execute for fact in facts)


def decisive_code(ledger: Ledger, published: PublicationFact | None = None) -> CodeFact:
    """The code that moved the items, or came nearest to that; of a run in which nothing ran, that of its report."""
    start = _start(ledger, DECISIVE["target"])
    known = CODES.of(ledger, start.code) if start else None
    return known or (published.code if published else code_facts())


def _start(ledger: Ledger, steps: tuple[str, ...]) -> StepStart | None:
    """The last start of the first of the steps that was ever started."""
    return next((starts[-1] for step in steps if (starts := STEP_STARTS.of(ledger, step))), None)
