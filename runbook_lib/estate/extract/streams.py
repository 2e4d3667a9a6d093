"""What reads the streams of the tables: event-source mappings and pipes."""

from __future__ import annotations

from collections.abc import Collection

from runbook_lib.aws.reading.listings import MAPPINGS, PIPES
from runbook_lib.aws.reading.reader import ServiceReader
from runbook_lib.estate.extract.spelling import Json, capitalized, carried, cloudformation_tags
from runbook_lib.estate.members import MAPPING, PIPE
from runbook_lib.estate.resource import Resource, ResourceKind, Unexpressed

RUNNING = ("RUNNING", "STARTING", "UPDATING")


def table_in(arn: str) -> str:
    """The table of the ARN of a stream; "" where it is none."""
    return arn.partition(":table/")[2].partition("/stream/")[0] if ":dynamodb:" in arn and "/stream/" in arn else ""


def mapping_key(source: str, function: str) -> str:
    """What a mapping connects, in words."""
    return f"{table_in(source) or source.rpartition(':')[2]} to {function.partition(':function:')[2]}"


def read_mappings(
    reader: ServiceReader, tables: Collection[str], queues: Collection[str]
) -> tuple[list[Resource], list[Unexpressed]]:
    """The mappings of these tables' streams and of these queues."""
    found: list[Resource] = []
    left: list[Unexpressed] = []
    for entry in reader.entries(MAPPINGS):
        source = str(entry.get("EventSourceArn") or "")
        if table_in(source) in tables or (":sqs:" in source and source.rpartition(":")[2] in queues):
            found.append(_mapping(entry, source))
            if entry.get("FilterCriteriaError"):  # its key is not ours to use
                why = "it could not be decrypted: set it by hand"
                left.append(Unexpressed(f"{found[-1].label}, FilterCriteria", why))
    return sorted(found, key=lambda mapping: (mapping.key, mapping.arn)), left


def _mapping(entry: Json, source: str) -> Resource:
    properties = carried(entry, MAPPING)
    state = str(properties.pop("State", "Enabled"))
    if "KMSKeyArn" in properties:
        properties["KmsKeyArn"] = properties.pop("KMSKeyArn")
    function = str(properties.pop("FunctionArn", ""))
    properties["FunctionName"] = function
    key = mapping_key(source, function)
    arn = str(entry.get("EventSourceMappingArn") or entry.get("UUID") or "")
    beside = {"FilterCriteria": error.get("ErrorCode")} if (error := entry.get("FilterCriteriaError")) else {}
    awake = state not in ("Disabled", "Disabling")
    return Resource(ResourceKind.MAPPING, key, "", arn, properties, None, awake, beside)


def read_pipes(reader: ServiceReader, tables: Collection[str], queues: Collection[str]) -> list[Resource]:
    """The pipes of these tables' streams and of these queues."""
    found = []
    for entry in reader.entries(PIPES):
        source = str(entry.get("Source") or "")
        if table_in(source) in tables or (":sqs:" in source and source.rpartition(":")[2] in queues):
            answer = reader.get("pipes", "DescribePipe", entry["Name"], Name=entry["Name"])
            if answer is not None:
                found.append(_pipe(entry["Name"], answer))
    return sorted(found, key=lambda pipe: pipe.key)


def _pipe(name: str, answer: Json) -> Resource:
    properties = carried(answer, PIPE)
    state = properties.pop("DesiredState", "RUNNING")
    tags = {tag["Key"]: tag["Value"] for tag in cloudformation_tags(properties.pop("Tags", None))}
    if tags:
        properties["Tags"] = tags
    for side in ("SourceParameters", "TargetParameters"):
        if "EcsTaskParameters" in properties.get(side, {}):
            task = capitalized(properties[side]["EcsTaskParameters"], "AwsvpcConfiguration")
            properties[side] = properties[side] | {"EcsTaskParameters": task}
    source = properties.get("SourceParameters", {})
    if "DynamoDBStreamParameters" in source:
        stream = {k: v for k, v in source["DynamoDBStreamParameters"].items() if k != "StartingPosition"}
        properties["SourceParameters"] = source | {"DynamoDBStreamParameters": stream}
    return Resource(ResourceKind.PIPE, name, name, answer.get("Arn", ""), properties, None, state in RUNNING)
