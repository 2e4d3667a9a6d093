"""The tag of a target that names the register of the runs that have written to it.

It has to be known before the first write: whoever stands in another register cannot see this run, and would take its
items for his own.
"""

from __future__ import annotations

from typing import Any

from runbook_lib.aws.dynamodb.describe.definition import REGISTER_TAG
from runbook_lib.aws.dynamodb.describe.tables import TableDescription
from runbook_lib.aws.s3 import registers as aws
from runbook_lib.aws.session.granted_calls import tagger
from runbook_lib.config.check_ids import CheckId
from runbook_lib.config.sections.accept import accepting
from runbook_lib.errors import TableError, TransferError
from runbook_lib.plan.pair import Pair
from runbook_lib.run.run import Run

UNREGISTERED = (
    "If the run goes on without it, a cleanup of another run does not know of what this one writes, and may remove it: "
    "accept.not_checked: {register: [TABLE]}"
)


def named_register(run: Run, pair: Pair, table: TableDescription | None) -> tuple[str | None, str | None]:
    """The register that a table names, and why that is not known.

    Raises TransferError where there may be a tag that cannot be read, unless the migration file accepts that.
    """
    try:
        return (aws.register_tag(run.clients.target, table.arn) if table else None), None
    except aws.NoTags as error:
        return None, str(error)
    except TableError as error:
        if accepting(run.config.accept.not_checked, CheckId.REGISTER, pair.source) is not None:
            return None, str(error)
        raise TransferError(
            f"target {pair.target} may name a register of the runs that have written to it (tag {REGISTER_TAG}), and "
            f"this run cannot read that: {error}. Nothing was written now: allow dynamodb:ListTagsOfResource on it. "
            + UNREGISTERED
        ) from None


def name_register(run: Run, pair: Pair, table: TableDescription, place: str) -> tuple[str | None, str | None]:
    """The register that a table names after this run has tried to set its own there, and why that is not known.

    Raises TableError if there is none and none can be set.
    """
    try:
        aws.set_register_tag(register_tagger(run), table.arn, place)
    except TableError:
        if (found := named_register(run, pair, table)) == (None, None):
            raise
        return found  # another run was faster
    return named_register(run, pair, table)


def register_tagger(run: Run) -> Any:
    """The client that sets and takes off the register's tag of the planned targets."""
    return run.granted.client(
        "tags", lambda: tagger(run.clients, frozenset(pair.target for pair in run.planned_pairs()))
    )
