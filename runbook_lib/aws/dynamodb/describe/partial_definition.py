"""A table as far as it may be looked at: what is answered, and why the rest is not known.

For comparing two tables and for asking indexes, where a permission that is missing must show as a gap
and neither stop the run nor look like a setting that is off.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from runbook_lib.aws.dynamodb.describe.definition import (
    IndexDefinition,
    TableDefinition,
    arn_of,
    definition_of,
    own_tags,
    recovery_days,
    refused,
)
from runbook_lib.aws.dynamodb.describe.members import GLOBAL, KEY, LOCAL, PROTECTION
from runbook_lib.aws.dynamodb.describe.tables import DENIED
from runbook_lib.aws.dynamodb.describe.unknown_members import unfamiliar_of
from runbook_lib.aws.pages import EndlessList, pages
from runbook_lib.errors import ConfigError

Ask = Callable[..., dict[str, Any]]

TTL, RECOVERY, TAGS = "time to live", "point-in-time recovery", "tags"


@dataclass(frozen=True, slots=True)
class PartialDefinition:
    """A definition; `unknown` maps each of its properties that could not be asked for to the reason.

    `unfamiliar` are members of the answer that this version has never heard of.
    """

    definition: TableDefinition
    unknown: dict[str, str]
    unfamiliar: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LiveIndex:
    """A secondary index as it stands: `kind` is GSI or LSI, `state` is ACTIVE, BACKFILLING or what AWS calls it."""

    kind: str
    state: str
    definition: IndexDefinition

    @property
    def name(self) -> str:
        return self.definition.name


def asking(client: Any, name: str, unknown: dict[str, str], absent: Collection[str] = ()) -> Ask:
    """What asks one thing about a table, `ask(what, operation, **request)`: its answer, {} where there is none.

    Why there is none is kept in `unknown`, unless its code is one of those that say that there is no such thing.
    """

    def ask(what: str, operation: str, **request: str) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(client, operation)(**request)
            return answer
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in DENIED:
                raise refused(client, operation, name, error) from None
            if code not in absent:
                unknown[what] = f"{operation} was answered with {code}"
            return {}
        except BotoCoreError as error:
            raise refused(client, operation, name, error) from None

    return ask


def read_partial_definition(client: Any, name: str) -> PartialDefinition:
    """Everything that is answered about a table; raises ConfigError if the table itself is not."""
    unknown: dict[str, str] = {}
    ask = asking(client, name, unknown)
    table = _describe(client, name)
    if "DeletionProtectionEnabled" not in table:
        unknown[PROTECTION] = "the server does not say"
    definition = definition_of(
        table,
        ttl=_ttl(ask(TTL, "describe_time_to_live", TableName=name)),
        recovery_days=recovery_days(ask(RECOVERY, "describe_continuous_backups", TableName=name)),
        tags=_tags(client, name, partial(ask, TAGS, "list_tags_of_resource", ResourceArn=arn_of(table, name))),
        unknown=unknown,
    )
    return PartialDefinition(definition, unknown, unfamiliar_of(table))


def describe_partial(client: Any, name: str) -> PartialDefinition:
    """What DescribeTable alone answers about a table; raises ConfigError if it does not."""
    unknown: dict[str, str] = {}
    definition = definition_of(_describe(client, name), ttl=None, recovery_days=None, tags=(), unknown=unknown)
    return PartialDefinition(definition, unknown, ())


def live_indexes(client: Any, name: str) -> tuple[LiveIndex, ...]:
    """The indexes of a table and whether they can be asked now; raises ConfigError if it may not be read."""
    table = _describe(client, name)
    states = {
        index.get("IndexName"): "BACKFILLING" if index.get("Backfilling") else index.get("IndexStatus", "ACTIVE")
        for index in table.get("GlobalSecondaryIndexes") or []
    }
    unknown: dict[str, str] = {}
    definition = definition_of(table, ttl=None, recovery_days=None, tags=(), unknown=unknown)
    if wrong := [why for what, why in unknown.items() if what in (GLOBAL, LOCAL, KEY)]:
        raise ConfigError(f"the indexes of {name} are not known: {'; '.join(wrong)}")
    return (
        *(LiveIndex("GSI", states[index.name], index) for index in definition.global_indexes),
        *(LiveIndex("LSI", "ACTIVE", index) for index in definition.local_indexes),
    )


def _describe(client: Any, name: str) -> dict[str, Any]:
    try:
        table: dict[str, Any] = client.describe_table(TableName=name).get("Table") or {}
        return table
    except (ClientError, BotoCoreError) as error:
        raise refused(client, "describe_table", name, error) from None


def _ttl(answer: dict[str, Any]) -> str | None:
    said = answer.get("TimeToLiveDescription", {})
    on = said.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
    return str(said.get("AttributeName", "")) if on else None


def _tags(client: Any, name: str, ask: Callable[..., dict[str, Any]]) -> tuple[tuple[str, str], ...]:
    try:
        return tuple(sorted(tag for answer in pages(ask) for tag in own_tags(answer)))
    except EndlessList as error:
        raise refused(client, "list_tags_of_resource", name, error) from None
