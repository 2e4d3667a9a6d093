"""One small sandbox for the whole folder; a test that changes items does so in a table of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from runbook_lib.sandbox import start_sandbox
from tests.support.sandbox_clients import EXPORT_SECONDS, SandboxClients


@pytest.fixture(scope="session")
def aws() -> Iterator[SandboxClients]:
    with start_sandbox(scale=0.02, export_seconds=EXPORT_SECONDS) as sandbox:
        bare = SandboxClients(sandbox, None, None, None)
        clients = [
            bare.client("dynamodb", "us-east-1"),
            bare.client("dynamodb", "us-east-2"),
            bare.client("s3", "us-east-2"),
        ]
        yield SandboxClients(sandbox, *clients)
        for client in clients:
            client.close()


@pytest.fixture(autouse=True)
def no_faults_left(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "aws" in request.fixturenames:
        request.getfixturevalue("aws").control("DELETE", "/_sandbox/faults")


_numbers = count()


@pytest.fixture
def new_table(aws: SandboxClients) -> Callable[..., str]:
    """Create a table in us-east-1: `new_table({"id": "S"}, {"Name": {"a": "S"}}, recovery=True)`."""

    def create(
        key: dict[str, str] | None = None,
        indexes: dict[str, dict[str, str]] | None = None,
        recovery: bool = False,
    ) -> str:
        name = f"test-{next(_numbers)}"
        key = key or {"id": "S"}
        indexes = indexes or {}
        types = {
            **key,
            **{attribute: kind for index in indexes.values() for attribute, kind in index.items()},
        }
        extra: dict[str, Any] = {}
        if indexes:
            extra["GlobalSecondaryIndexes"] = [
                {
                    "IndexName": index,
                    "KeySchema": _schema(list(names)),
                    "Projection": {"ProjectionType": "ALL"},
                }
                for index, names in indexes.items()
            ]
        aws.source.create_table(
            TableName=name,
            KeySchema=_schema(list(key)),
            AttributeDefinitions=[{"AttributeName": a, "AttributeType": t} for a, t in types.items()],
            BillingMode="PAY_PER_REQUEST",
            **extra,
        )
        if recovery:
            aws.source.update_continuous_backups(
                TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
            )
        return name

    return create


def _schema(names: list[str]) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": role} for name, role in zip(names, ("HASH", "RANGE"), strict=False)]
