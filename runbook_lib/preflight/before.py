"""What was there before a run: which targets existed, whether they can be restored, and who had written to them.

Recorded once, at the first pre-flight; what a run may remove later is judged by it. Who had written to them is as of
the last one before the run's first write.
"""

from __future__ import annotations

from contextlib import suppress

from runbook_lib.aws.dynamodb.backups import is_on
from runbook_lib.aws.s3.registers import register_tag
from runbook_lib.aws.session.clients import Clients
from runbook_lib.errors import TableError
from runbook_lib.plan.pair import Pair
from runbook_lib.preflight.plan import Plan
from runbook_lib.run.facts.targets import BEFORE, BeforeFact
from runbook_lib.run.run import Run, table_identity
from runbook_lib.run.witnesses.writers.other_writers import keep_stood_before
from runbook_lib.timestamps import format_timestamp


def keep_before(run: Run, plan: Plan, clients: Clients) -> None:
    """Record what was there for each planned table that has no such record yet."""
    known = BEFORE.all(run.ledger)
    for pair in plan.pairs:
        if pair.source not in known:
            BEFORE.record(run.ledger, pair.source, _look(run, pair, clients))
        if run.execute:
            _keep_writers(run, pair, clients)


def _keep_writers(run: Run, pair: Pair, clients: Clients) -> None:
    """Who has written to the target so far; where its tags cannot be read, its check says so."""
    with suppress(TableError):
        named = register_tag(clients.target, pair.target_facts.arn) if pair.target_facts else None
        keep_stood_before(run, pair, named)


def _look(run: Run, pair: Pair, clients: Clients) -> BeforeFact:
    target = pair.target_facts
    return BeforeFact(
        at=format_timestamp(run.now()),
        existed=target is not None,
        table_id=table_identity(target) if target else None,
        recovery=is_on(clients.target, pair.target) if target else None,
    )
