"""Throttling: a table that is asked for more than it has says so, and why."""

from __future__ import annotations

from typing import Any

from runbook_lib.aws.outcome import FAILURES, code_of
from runbook_lib.conformance.question import Area, api, guide, model, question
from runbook_lib.conformance.questions.batch_write import put
from runbook_lib.conformance.subject import CannotAsk, Subject, WhyNot

_THROTTLED = frozenset({"ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"})
_BURST = 6  # single writes of 400 units each: eight times what a table of one unit saves up in five minutes


def pressed(subject: Subject) -> Any:
    """The refusal that a table of one unit a second gives in the end; asked for once and kept."""
    if "throttled" not in subject.made:
        table, long = subject.table("provisioned"), {"S": "x" * 400_000}
        subject.made["throttled"] = None
        for _ in range(_BURST):
            try:
                subject.ddb.put_item(TableName=table, Item=subject.item(v=long))
            except FAILURES as error:
                if code_of(error) not in _THROTTLED:
                    raise
                subject.made["throttled"] = error
                break
    if subject.made["throttled"] is None and not subject.clients.is_aws:
        raise CannotAsk(WhyNot.NOT_DONE_HERE, "it does not throttle")
    return subject.made["throttled"]


@question(
    Area.THROTTLING,
    expect="ProvisionedThroughputExceededException",
    relied_on="the import slows down when a table has no more capacity, and loses nothing",
    source=api("PutItem, errors"),
)
def throttled_write(subject: Subject) -> str:
    """Does a table of one write unit refuse, by its own error, what is far beyond that?"""
    refusal = pressed(subject)
    return code_of(refusal) if refusal is not None else "it was not refused"


@question(
    Area.THROTTLING,
    expect=("TableWriteProvisionedThroughputExceeded", True),
    relied_on="the reason decides what is slowed down, and stands in the report with the table's name",
    source=model("ThrottlingReason"),
)
def throttling_reason(subject: Subject) -> tuple[str, bool]:
    """Does the refusal have ThrottlingReasons that name the reason and the table?"""
    said = pressed(subject).response
    reasons = said.get("ThrottlingReasons") or said["Error"]["ThrottlingReasons"]
    return str(reasons[0]["reason"]), str(reasons[0]["resource"]).endswith(":table/" + subject.table("provisioned"))


@question(
    Area.THROTTLING,
    expect=True,
    relied_on="what was left undone is sent again, and nothing else",
    source=guide("BatchWriteItem: UnprocessedItems hold the requests that were not done"),
)
def unprocessed_items(subject: Subject) -> bool:
    """Does a batch that is done in part give back the rest as it was sent, or is it refused whole?"""
    pressed(subject)
    table = subject.table("provisioned")
    sent = {f"id{n:02}": put({"id": {"S": f"id{n:02}"}, "v": {"S": "x" * 40_000}}) for n in range(25)}
    try:
        answer = subject.ddb.batch_write_item(RequestItems={table: list(sent.values())})
    except FAILURES as error:
        return code_of(error) in _THROTTLED
    left = answer["UnprocessedItems"].get(table, [])
    return bool(left) and all(sent[one["PutRequest"]["Item"]["id"]["S"]] == one for one in left)
