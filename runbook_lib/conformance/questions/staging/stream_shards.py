"""The shards of streams: how one ends, what follows it, and what becomes of its records after a day.

AWS ends and trims a shard in its own time. What can be seen by turning a stream off is asked of everybody; the rest
where hours can be let pass, and elsewhere it is told by name as not asked.
"""

from __future__ import annotations

from runbook_lib.aws.outcome import FAILURES, code_of
from runbook_lib.conformance.made.streams import (
    described_stream,
    read_shard,
    refusal_of_iterator,
    split_stream,
    stopped_stream,
    stream_without_parent,
    trimmed_stream,
    value_of,
)
from runbook_lib.conformance.question import Area, Evidence, Need, Source, api, guide, model, question
from runbook_lib.conformance.questions.staging.streams import shards, stream_of
from runbook_lib.conformance.subject import Subject

_LONG = (Need.LONG,)
_ORDER = "changes of one item are applied in the order in which they were made"
_PARENTS = "a shard is read to its end before its children"
_TRIMMED = "a reader that comes too late is told, and begins anew: nothing is passed over without a word"
_ITERATOR_SECONDS = 16 * 60.0


@question(
    Area.STREAMS,
    expect=("1, 2, 3", "1, 2, 3", "1, 2, 3"),
    relied_on=_ORDER,
    source=guide("DynamoDB Streams: records appear in the sequence of the actual modifications of the item"),
    needs=_LONG,
)
def order_of_each_item(subject: Subject) -> tuple[str, ...]:
    """Of three items that are changed by turns, is each one's history told in its order and once?"""
    told = stopped_stream(subject).records
    return tuple(
        ", ".join(value_of(one) for one in told if one["dynamodb"]["Keys"] == {"id": {"S": key}}) for key in "abc"
    )


@question(
    Area.STREAMS,
    expect=("DISABLED", True, 9),
    relied_on="a source whose stream was turned off can still be read to its end, for a day",
    source=guide("DynamoDB Streams: disabling a stream closes its shards, and its data stays readable for 24 hours"),
    needs=_LONG,
)
def stream_that_was_turned_off(subject: Subject) -> tuple[str | bool | int, ...]:
    """Does turning a stream off end its shards, and can all that it told still be read?"""
    made = stopped_stream(subject)
    ended = all("EndingSequenceNumber" in one["SequenceNumberRange"] for one in made.shards)
    return made.status, ended, len(made.records)


@question(
    Area.STREAMS,
    expect=False,
    relied_on="a shard without a next iterator is closed, and only then",
    source=api("GetRecords, NextShardIterator"),
    needs=_LONG,
)
def ended_shard_has_a_next_iterator(subject: Subject) -> bool:
    """Has the last page of a shard that ended a next iterator?"""
    return stopped_stream(subject).last_has_next


@question(
    Area.STREAMS,
    expect=(),
    relied_on="children are looked for by their parent: none means that there are none",
    source=model("ShardFilter, CHILD_SHARDS"),
    needs=_LONG,
)
def children_of_an_open_shard(subject: Subject) -> tuple[str, ...]:
    """Has a shard that is open no children, when DescribeStream is asked for them alone?"""
    arn = stream_of(subject)
    asked = {"Type": "CHILD_SHARDS", "ShardId": shards(subject, arn)[-1]}
    return tuple(str(one["ShardId"]) for one in described_stream(subject, arn, ShardFilter=asked)["Shards"])


@question(
    Area.STREAMS,
    expect="ExpiredIteratorException",
    relied_on="an iterator that expired is replaced by one after the last record that was read",
    source=model("GetRecords, ExpiredIteratorException: 15 minutes"),
    needs=_LONG,
)
def iterator_after_a_quarter_of_an_hour(subject: Subject) -> str:
    """Is an iterator refused that was given 16 minutes ago?"""
    arn, ask = stream_of(subject), subject.clients.streams
    given = ask.get_shard_iterator(
        StreamArn=arn, ShardId=shards(subject, arn)[-1], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]  # fmt: skip
    subject.let_pass(_ITERATOR_SECONDS)
    try:
        ask.get_records(ShardIterator=given)
    except FAILURES as error:
        return code_of(error)
    return "accepted"


@question(
    Area.STREAMS,
    expect=(True, True, True),
    relied_on=_PARENTS,
    source=api("Shard, ParentShardId; and SequenceNumberRange: a closed shard has both its ends"),
    needs=_LONG,
)
def child_of_an_ended_shard(subject: Subject) -> tuple[bool, ...]:
    """Has a shard that ended its end, names its child it as parent, and begins the child after that end?"""
    made = split_stream(subject)
    end = made.parent["SequenceNumberRange"].get("EndingSequenceNumber")
    start = made.child["SequenceNumberRange"]["StartingSequenceNumber"]
    names = made.child["ParentShardId"] == made.parent["ShardId"]
    return end is not None, names, int(start) > int(end or start)


@question(
    Area.STREAMS,
    expect=("1, 2", "3", False),
    relied_on=_ORDER,
    source=guide("DynamoDB Streams: a parent shard is processed before its children, to keep the order of records"),
    needs=_LONG,
)
def order_across_a_split(subject: Subject) -> tuple[str | bool, ...]:
    """Is an item's history told on in the child where it ended in the parent, which has no further page?"""
    made = split_stream(subject)
    told = (", ".join(value_of(one) for one in part) for part in (made.of_parent, made.of_child))
    return (*told, made.parent_has_next)


@question(
    Area.STREAMS,
    expect=True,
    relied_on="children are looked for by their parent",
    source=model("ShardFilter, CHILD_SHARDS"),
    needs=_LONG,
)
def children_of_an_ended_shard(subject: Subject) -> bool:
    """Is the child of a shard that ended the only one told, when DescribeStream is asked for its children alone?"""
    made = split_stream(subject)
    asked = {"Type": "CHILD_SHARDS", "ShardId": made.parent["ShardId"]}
    found = described_stream(subject, made.arn, ShardFilter=asked)["Shards"]
    return [one["ShardId"] for one in found] == [made.child["ShardId"]]


@question(
    Area.STREAMS,
    expect="TrimmedDataAccessException",
    relied_on=_TRIMMED,
    source=model("GetShardIterator, TrimmedDataAccessException"),
    needs=_LONG,
)
def iterator_at_a_trimmed_record(subject: Subject) -> str:
    """Is an iterator refused that would begin at a record that was trimmed?"""
    made = trimmed_stream(subject)
    number = made.of_parent[0]["dynamodb"]["SequenceNumber"]
    how = {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "SequenceNumber": number}
    return refusal_of_iterator(subject, made.arn, made.parent["ShardId"], **how)


@question(
    Area.STREAMS,
    expect="2",
    relied_on=_TRIMMED,
    source=guide("DynamoDB Streams: records are kept for 24 hours, and trimmed after that"),
    needs=_LONG,
)
def horizon_of_a_trimmed_shard(subject: Subject) -> str:
    """Of a record of 25 and one of 22 hours ago, does a shard still tell the younger alone?"""
    made = trimmed_stream(subject)
    return ", ".join(value_of(one) for one in read_shard(subject, made.arn, made.parent["ShardId"])[0])


@question(
    Area.STREAMS,
    expect=(False, True, "ResourceNotFoundException"),
    relied_on="a parent that is missing counts as read",
    source=Source(Evidence.OTHERS, "issues of others: bloop 141, spanner-migration-tool 347, flink 21237"),
    needs=_LONG,
)
def parent_that_was_trimmed_away(subject: Subject) -> tuple[bool | str, ...]:
    """Is a parent of a day ago listed no more and unknown, while its child still names it?"""
    made = stream_without_parent(subject)
    listed = {one["ShardId"]: one for one in described_stream(subject, made.arn)["Shards"]}
    parent = made.parent["ShardId"]
    names = listed.get(made.child["ShardId"], {}).get("ParentShardId") == parent
    return parent in listed, names, refusal_of_iterator(subject, made.arn, parent)
