"""Sessions and clients of the three sides, made from the configuration and the credential chain."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from runbook_lib.aws.credentials import Chain
from runbook_lib.aws.dynamodb.conditional_write import forms_of_appending
from runbook_lib.aws.endpoints import client_of, of_other_services
from runbook_lib.aws.guard.allowed_calls import (
    FORMS,
    FORMS_OF_DELETING,
    IMPORT_FORMS,
    SOURCE,
    SOURCE_RECOVERY,
    STAGING,
    STAGING_DELETES,
    STAGING_LISTS,
    TARGET,
    TARGET_APPENDS,
    TARGET_CANARY,
    TARGET_CREATES,
    TARGET_DELETES,
    TARGET_IMPORTS,
    TARGET_WARMING,
    TARGET_WRITES,
)
from runbook_lib.aws.guard.call_counter import Calls
from runbook_lib.aws.guard.guard import Guard
from runbook_lib.aws.guard.offline import refuse_network
from runbook_lib.aws.reading.asked_once import AskedOnce
from runbook_lib.aws.session.identity import Identity, identify, session_of
from runbook_lib.aws.session.staging import raw_chain, raw_client, staging_chain, staging_client
from runbook_lib.aws.transport.client import DynamoDBTransport
from runbook_lib.config.model import Migration
from runbook_lib.errors import ForbiddenCall
from runbook_lib.open_files import make_room

TABLE_NAME = re.compile(r"[A-Za-z0-9_.-]{3,255}")


@dataclass(frozen=True, slots=True)
class Clients:
    """Everything a run may talk to. `target` cannot write; `writer()` can, to the tables it is given.

    `staging` holds what the target's side reads. With a transform that is what was made of the exports, and the exports
    themselves are in `raw`, which the target's identity cannot reach; without one the two are the same.
    """

    source: Any
    target: Any
    staging: Any
    raw: Any
    source_wire: DynamoDBTransport
    target_wire: DynamoDBTransport
    source_identity: Identity
    target_identity: Identity
    calls: Calls
    _config: Migration
    _sessions: Mapping[str, boto3.Session]
    _chains: Mapping[str, Chain]

    def chain(self, side: str) -> Chain:
        """The credentials of whoever was identified for a side."""
        return self._chains[side]

    def asked_once(self) -> Clients:
        """The same, but what a table is like is asked once: for one look at both sides."""
        return replace(self, source=AskedOnce(self.source), target=AskedOnce(self.target))

    def writer(self, tables: frozenset[str]) -> DynamoDBTransport:
        """A wire that may also write, to the named target tables only.

        Raises ForbiddenCall unless each is a plain name of a table in the target's account and region.
        """
        return writer(self.target, self._chains["target"], self.target_identity, self.calls, tables)

    def appender(self, keys: Mapping[str, str]) -> DynamoDBTransport:
        """A wire that may also put items where none is, into the named tables; `keys` has their partition keys."""
        return appender(self.target, self._chains["target"], self.target_identity, self.calls, keys)

    def recovery(self, tables: frozenset[str]) -> Any:
        """A source client that may also turn point-in-time recovery on, for the named tables only."""
        grants = dict.fromkeys(SOURCE_RECOVERY, tables)
        session = self._as_side("source", Guard("source", SOURCE, self.calls, grants))
        return client_of(session, "dynamodb", self._config.source.endpoint_url)

    def warming(self, tables: frozenset[str]) -> Any:
        """A target client that may also raise the warm throughput of the named tables."""
        for name in sorted(tables):
            check_place(self.target, self.target_identity, name)
        return self._granted(TARGET_WARMING, tables)

    def service(self, side: str, name: str) -> Any:
        """A client of another service as the side's own identity, for instance its IAM."""
        endpoint = self._config.source.endpoint_url if side == "source" else self._config.target.endpoint_url
        session = self._sessions[side]
        return client_of(session, name, of_other_services(session, name, endpoint))

    def creator(self, tables: frozenset[str]) -> Any:
        """A target client that may also create the named tables and settle what CreateTable does not take."""
        return self._granted(TARGET_CREATES, tables)

    def remover(self, tables: frozenset[str]) -> Any:
        """A target client that may also delete the named tables."""
        return self._granted(TARGET_DELETES, tables, FORMS_OF_DELETING)

    def table_importer(self, tables: frozenset[str]) -> Any:
        """A target client that may also have the named tables imported, and settle what ImportTable does not take."""
        return self._granted(TARGET_IMPORTS, tables, IMPORT_FORMS)

    def staging_lister(self, bucket: str, prefix: str) -> Any:
        """An S3 client of the staging side that may also list this one prefix."""
        grants = dict.fromkeys(STAGING_LISTS, frozenset({f"{bucket}/{prefix}"}))
        return self._staging(Guard("staging", STAGING, self.calls, grants))

    def staging_remover(self) -> Any:
        """An S3 client of the staging side that may also delete objects, each by its key."""
        return self._staging(Guard("staging", STAGING | STAGING_DELETES, self.calls))

    def raw_remover(self) -> Any:
        """An S3 client for the exports themselves that may also delete objects, each by its key."""
        return self._raw(Guard("staging", STAGING | STAGING_DELETES, self.calls))

    def _staging(self, guard: Guard) -> Any:
        return staging_client(self._config, guard, self._chains["staging"])

    def _raw(self, guard: Guard) -> Any:
        return raw_client(self._config, guard, self._chains["raw"])

    def _as_side(self, side: str, guard: Guard, region: str | None = None) -> boto3.Session:
        """A session as whoever was identified for a side."""
        of_side = self._config.source if side == "source" else self._config.target
        return session_of(of_side, guard, region, self._chains[side])

    def _granted(self, operations: frozenset[str], tables: frozenset[str], forms: Any = FORMS) -> Any:
        guard = Guard("target", TARGET, self.calls, dict.fromkeys(operations, tables), forms)
        session = self._as_side("target", guard)
        return client_of(session, "dynamodb", self._config.target.endpoint_url)

    def canary(self, tables: frozenset[str]) -> DynamoDBTransport:
        """A wire that may also put and delete single items, in the named target tables only."""
        for name in sorted(tables):
            check_place(self.target, self.target_identity, name)
        guard = Guard("target", TARGET | TARGET_CANARY, self.calls)
        return DynamoDBTransport(self.target, self._chains["target"], guard, write_tables=tables)


def writer(client: Any, chain: Chain, who: Identity, calls: Calls, tables: frozenset[str]) -> DynamoDBTransport:
    """A wire of the target's client that may also write, to the named tables only; see `Clients.writer`."""
    for name in sorted(tables):
        check_place(client, who, name)
    return DynamoDBTransport(client, chain, Guard("target", TARGET | TARGET_WRITES, calls), write_tables=tables)


def appender(client: Any, chain: Chain, who: Identity, calls: Calls, keys: Mapping[str, str]) -> DynamoDBTransport:
    """A wire of the target's client that may also put items where none is; see `Clients.appender`."""
    tables = frozenset(keys)
    for name in sorted(tables):
        check_place(client, who, name)
    guard = Guard("target", TARGET, calls, dict.fromkeys(TARGET_APPENDS, tables), forms_of_appending(keys))
    return DynamoDBTransport(client, chain, guard, write_tables=tables)


def check_place(client: Any, who: Identity, name: str) -> None:
    """Raise ForbiddenCall unless `name` is the plain name of a table in the target's account and region."""
    found = ""
    if TABLE_NAME.fullmatch(name):
        try:
            found = (client.describe_table(TableName=name).get("Table") or {}).get("TableArn") or ""
        except client.exceptions.ResourceNotFoundException:
            return  # nothing is written to a table that is not there, and a plain name is looked up here only
        except (BotoCoreError, ClientError) as error:
            found = f"{error}"
        place = found.split(":", 5)
        if len(place) == 6 and place[5] == f"table/{name}" and (who.arn is None or place[3:5] == who.place):
            return
    raise ForbiddenCall(
        f"writing to {name!r} is not allowed: expected a table of that plain name in "
        f"{'/'.join(reversed(who.place))}, found {found or 'no table name'}; nothing was sent"
    )


def connect(config: Migration) -> Clients:
    """Make the clients of a migration and find out who they are.

    Raises CredentialsError or ConfigError when a side cannot be reached at all.
    """
    refuse_network()
    make_room()
    calls = Calls()
    source_guard, target_guard = Guard("source", SOURCE, calls), Guard("target", TARGET, calls)
    staging_guard = Guard("staging", STAGING, calls)
    source = session_of(config.source, source_guard)
    target = session_of(config.target, target_guard)
    chains = {"source": source.get_credentials(), "target": target.get_credentials()}
    chains |= {
        "staging": staging_chain(config, chains["target"]),
        "raw": raw_chain(config, chains["source"], chains["target"]),
    }
    staging = staging_client(config, staging_guard, chains["staging"])
    source_client = client_of(source, "dynamodb", config.source.endpoint_url)
    target_client = client_of(target, "dynamodb", config.target.endpoint_url)
    return Clients(
        source=source_client,
        target=target_client,
        staging=staging,
        raw=raw_client(config, staging_guard, chains["raw"]) if config.transform else staging,
        source_identity=identify("source", source, source_client, config.source.endpoint_url),
        target_identity=identify("target", target, target_client, config.target.endpoint_url),
        source_wire=DynamoDBTransport(source_client, chains["source"], source_guard),
        target_wire=DynamoDBTransport(target_client, chains["target"], target_guard),
        calls=calls,
        _config=config,
        _sessions={"source": source, "target": target},
        _chains=chains,
    )
