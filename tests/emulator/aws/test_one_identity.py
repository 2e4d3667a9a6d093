"""Whoever was identified when a run was opened makes all of its calls, whatever the environment says later.

A client that may do one thing more is made when it is needed. If it read the credential chain anew, keys that were
changed meanwhile, in a lab or by another program, would let it create, fill or delete a table of the same name in
another account, which nobody confirmed.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from botocore.exceptions import ClientError

from runbook_lib.aws.session import granted_calls
from runbook_lib.aws.session.clients import Clients
from runbook_lib.aws.session.mac_key import MESSAGE, mac_client
from runbook_lib.aws.session.reading_clients import reading_client
from runbook_lib.aws.transport.client import DynamoDBTransport
from runbook_lib.aws.transport.retry import Backoff
from runbook_lib.config.moving.places import Side
from runbook_lib.errors import RunbookError
from runbook_lib.run.run import Run
from runbook_lib.undo.cleanup import clean_up
from tests.support.between import Asked, between
from tests.support.steps import every_step
from tests.support.world import World, things

T = frozenset({"t"})
KEYS = {"t": "id"}
MADE: dict[str, Callable[[Clients, str], Any]] = {
    "writer": lambda c, t: c.writer(frozenset({t})),
    "appender": lambda c, t: c.appender({t: "id"}),
    "recovery": lambda c, t: c.recovery(frozenset({t})),
    "warming": lambda c, t: c.warming(frozenset({t})),
    "service": lambda c, t: c.service("target", "sts"),
    "creator": lambda c, t: c.creator(frozenset({t})),
    "remover": lambda c, t: c.remover(frozenset({t})),
    "table_importer": lambda c, t: c.table_importer(frozenset({t})),
    "staging_lister": lambda c, t: c.staging_lister("bucket", "prefix"),
    "staging_remover": lambda c, t: c.staging_remover(),
    "raw_remover": lambda c, t: c.raw_remover(),
    "canary": lambda c, t: c.canary(frozenset({t})),
    "registrar": lambda c, t: granted_calls.registrar(c, "bucket", "prefix"),
    "export_registrar": lambda c, t: granted_calls.export_registrar(c, "bucket", "prefix"),
    "tagger": lambda c, t: granted_calls.tagger(c, frozenset({t})),
    "undoer": lambda c, t: granted_calls.undoer(c, {t: "id"}),
    "repairer": lambda c, t: granted_calls.repairer(c, {t: "id"}),
    "syncer": lambda c, t: granted_calls.syncer(c, {t: "id"}),
    "scaler": lambda c, t: granted_calls.scaler(c, frozenset({t})),
    "unscaler": lambda c, t: granted_calls.unscaler(c, frozenset({t})),
    "target_exporter": lambda c, t: granted_calls.target_exporter(c, frozenset({t})),
    "bulk_putter": lambda c, t: granted_calls.bulk_putter(c, {"TableName": t}),
    "reading_client": lambda c, t: reading_client(c, "target", "sqs", frozenset({"sqs:ListQueues"})),
    "mac_client": lambda c, t: mac_client(
        c, Side(region="us-east-1", endpoint_url=c.source_identity.endpoint), "alias/key"
    ),
}
ASKED = {
    "sts": lambda client: client.get_caller_identity(),
    "s3": lambda client: client.get_object(Bucket="bucket", Key="prefix/key"),
    "sqs": lambda client: client.list_queues(),
    "dynamodb": lambda client: client.describe_table(TableName="t"),
    "application-autoscaling": lambda client: client.describe_scalable_targets(ServiceNamespace="dynamodb"),
}  # fmt: skip
NOT_MADE_OF_CLIENTS = {"anchor_client"}  # of the migration file alone, where there is no run


def ask(made: Any, table: str) -> None:
    if isinstance(made, DynamoDBTransport):
        body = f'{{"RequestItems":{{"{table}":{{"Keys":[{{"id":{{"S":"a"}}}}]}}}}}}'
        made.read("BatchGetItem", body.encode(), Backoff(attempts=1))
        return
    with suppress(ClientError):  # what is asked for need not be there
        ASKED[made.meta.service_model.service_name](made)


@contextmanager
def changing_keys(world: World, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> Iterator[tuple[Run, set[str]]]:
    """A run whose keys are others in the environment once it is open, and the keys that signed its requests."""
    seen: set[str] = set()

    def note(asked: Asked) -> None:
        seen.update(re.findall(r"Credential=([^/]+)/", asked.headers.get("authorization", "")))

    with between(world.endpoint, before=note) as server:
        here = {"endpoint_url": server.endpoint}
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "CONFIRMED")
        run = world.open(source=here, target=here, staging=here, **changes)
        assert seen == {"CONFIRMED"}
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "SOMEBODYELSE")
        seen.clear()
        yield run, seen


def test_every_client_that_can_be_made_of_a_runs_clients_is_known_here() -> None:
    methods = {name for name, _ in inspect.getmembers(Clients, inspect.isfunction) if not name.startswith("_")}
    functions = {
        name
        for name, made in inspect.getmembers(granted_calls, inspect.isfunction)
        if made.__module__ == granted_calls.__name__ and not name.startswith("_")
    }
    assert methods - {"asked_once", "chain"} | functions - NOT_MADE_OF_CLIENTS <= MADE.keys()


@pytest.mark.parametrize("name", MADE)
def test_a_client_that_is_made_later_signs_as_whoever_was_identified(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    world.pair("a", things(1))
    with changing_keys(world, monkeypatch) as (run, seen):
        table = world.dst("a")
        made = MADE[name](run.clients, table)
        if name == "mac_client":
            with suppress(ClientError, RunbookError):
                made.generate_mac(KeyId="alias/key", Message=MESSAGE, MacAlgorithm="HMAC_SHA_256")
        else:
            ask(made, table)
        assert seen == {"CONFIRMED"}


@pytest.mark.chaos
def test_a_migration_and_its_cleanup_are_those_of_whoever_was_identified(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.pair("a", things(5))
    world.target.delete_table(TableName=world.dst("a"))
    with changing_keys(world, monkeypatch, tables={"create_missing": True}) as (run, seen):
        assert every_step(run)["verdict"] == "PASS"
        assert clean_up(run)[0].table_deleted
    assert seen == {"CONFIRMED"}
