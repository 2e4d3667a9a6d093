"""What a worker on another machine may talk to: the staging bucket and the target, and never the source.

Credentials are the worker's own, from its AWS credential chain. They have to reach the account and the
region that the coordinator was confirmed for.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from runbook_lib.aws.credentials import Chain
from runbook_lib.aws.endpoints import client_of
from runbook_lib.aws.guard.allowed_calls import STAGING, TARGET
from runbook_lib.aws.guard.call_counter import Calls
from runbook_lib.aws.guard.guard import Guard
from runbook_lib.aws.guard.offline import refuse_network
from runbook_lib.aws.session.clients import appender, writer
from runbook_lib.aws.session.identity import Identity, identify, session_of
from runbook_lib.aws.session.staging import staging_chain, staging_client
from runbook_lib.aws.transport.client import DynamoDBTransport
from runbook_lib.config.model import Migration
from runbook_lib.errors import CredentialsError


@dataclass(frozen=True, slots=True)
class WorkerClients:
    """Clients of the two sides that a worker needs; thread-safe. `target` cannot write, `writer()` can."""

    target: Any
    staging: Any
    target_wire: DynamoDBTransport
    target_identity: Identity
    calls: Calls
    _chain: Chain
    _writers: dict[str, DynamoDBTransport] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def writer(self, table: str) -> DynamoDBTransport:
        """A wire that may also write, to this one target table; looked up once."""
        with self._lock:
            if table not in self._writers:
                self._writers[table] = writer(
                    self.target, self._chain, self.target_identity, self.calls, frozenset({table})
                )
            return self._writers[table]

    def appender(self, table: str, key: str) -> DynamoDBTransport:
        """A wire that may also put items where none is, into this one target table; looked up once."""
        with self._lock:
            if table not in self._writers:
                self._writers[table] = appender(
                    self.target, self._chain, self.target_identity, self.calls, {table: key}
                )
            return self._writers[table]


def connect_worker(config: Migration, target: list[str]) -> WorkerClients:
    """Make a worker's clients; raises CredentialsError unless they reach the `target`, [region, account]."""
    refuse_network()
    calls = Calls()
    guard, staging_guard = Guard("target", TARGET, calls), Guard("staging", STAGING, calls)
    session = session_of(config.target, guard)
    chain = session.get_credentials()
    client = client_of(session, "dynamodb", config.target.endpoint_url)
    who = identify("target", session, client, config.target.endpoint_url)
    if who.place != target:
        raise CredentialsError(
            f"target: a worker's credentials should reach {'/'.join(reversed(target))}, and reach "
            f"{'/'.join(reversed(who.place))}; give the workers the role of the target"
        )
    return WorkerClients(
        target=client,
        staging=staging_client(config, staging_guard, staging_chain(config, chain)),
        target_wire=DynamoDBTransport(client, chain, guard),
        target_identity=who,
        calls=calls,
        _chain=chain,
    )
