"""The source's stream, where its table is to be followed by it: that it is on, shows both images, and can be read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from runbook_lib.aws.dynamodb.streams.shards import BOTH, ENABLED, PERMISSIONS, current_stream, describe_stream
from runbook_lib.config.check_ids import CheckId
from runbook_lib.errors import RunbookError
from runbook_lib.plan.check import BLOCKER, Check, ok, unknown
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.writing import Method
from runbook_lib.preflight.checks.context import CheckContext

TURN_ON = (
    "none is ever turned on or changed here: turn it on with that view and wait until it is ENABLED before the export, "
    "or set catch_up.by to windows"
)


def of_source_stream(context: CheckContext, pair: Pair) -> Iterator[Check]:
    """One look, where catch_up.by asks for streams; a table that is scanned is not caught up with at all."""
    followed = context.config.catch_up.by == "streams" and pair.method in (Method.EXPORT, Method.REUSE)
    if not followed or pair.source_facts is None:
        return
    check = Check(
        CheckId.SOURCE_STREAM, pair.source, BLOCKER, f"a stream with {BOTH}, as catch_up.by is 'streams'", "it is off",
        TURN_ON, configuration=True, essential=True,
    )  # fmt: skip
    try:
        now = current_stream(context.clients.source, pair.source)
        if now is None:
            yield check
        elif now[1] != BOTH:
            yield replace(check, found=f"one with {now[1][:80]}")
        else:
            status = describe_stream(context.streams(), now[0]).status
            yield ok(check, "on") if status == ENABLED else replace(check, found=f"{now[0]} is {status[:80]}")
    except RunbookError as error:
        yield unknown(replace(check, configuration=False), str(error), PERMISSIONS)
