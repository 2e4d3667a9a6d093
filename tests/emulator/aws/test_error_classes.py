"""Every error of every call in use has a class, as AWS's own model has it; what may be sent again is."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.model import ServiceModel
from botocore.retries.standard import ThrottledRetryableChecker, TransientRetryableChecker

from runbook_lib.aws.endpoints import CONFIG
from runbook_lib.aws.error_classes import CLASSES, ErrorClass, class_of, codes_of
from runbook_lib.aws.guard.allowed_calls import ALWAYS, ASKED, TARGET, TARGET_CANARY, TARGET_WRITES
from runbook_lib.aws.guard.call_counter import Calls
from runbook_lib.aws.guard.guard import Guard
from runbook_lib.aws.transport.client import DynamoDBTransport
from runbook_lib.aws.transport.retry import Backoff, TransportError
from runbook_lib.preflight.step import preflight
from tests.support.between import Asked, Said, between, refusal
from tests.support.recorded import export_tables, import_tables, validate_tables
from tests.support.world import World, things

SESSION = botocore.session.Session()
SENT_AGAIN = codes_of(ErrorClass.THROTTLED) | codes_of(ErrorClass.AGAIN)


def calls_in_use() -> dict[str, set[str]]:
    """The operations of each service that the guard lets through on any side."""
    found: dict[str, set[str]] = {}
    for side in (*ALWAYS.values(), *ASKED.values()):
        for call in side:
            service, _, operation = call.partition(":")
            found.setdefault(service, set()).add(operation)
    return found


def documented(model: ServiceModel, operations: set[str]) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """The code of every error of these operations, and its `retryable` trait."""
    for operation in sorted(operations):
        for shape in model.operation_model(operation).error_shapes:
            yield str(shape.metadata.get("error", {}).get("code", shape.name)), shape.metadata.get("retryable")


def complaints(model: ServiceModel, operations: set[str]) -> list[str]:
    """What of a service's model the table does not have, or has otherwise."""
    found = []
    for code, retryable in documented(model, operations):
        if code not in CLASSES:
            found.append(f"{code} has no class")
        elif retryable is not None:
            wanted = ErrorClass.THROTTLED if retryable.get("throttling") else ErrorClass.AGAIN
            if CLASSES[code] != wanted:
                found.append(f"{code} is {wanted.name} in the model")
    return found


@pytest.mark.parametrize("service", sorted(calls_in_use()))
def test_every_error_of_every_call_in_use_has_the_class_of_its_model(service: str) -> None:
    assert complaints(SESSION.get_service_model(service), calls_in_use()[service]) == []


def test_a_newer_model_with_another_error_or_another_trait_is_noticed() -> None:
    data = deepcopy(SESSION.get_service_data("dynamodb"))
    data["shapes"]["TableIsTiredException"] = {"type": "structure", "members": {}, "exception": True}
    data["operations"]["DescribeTable"]["errors"].append({"shape": "TableIsTiredException"})
    data["shapes"]["ResourceInUseException"]["retryable"] = {"throttling": False}
    newer = ServiceModel(data, "dynamodb")
    assert set(complaints(newer, calls_in_use()["dynamodb"])) == {
        "TableIsTiredException has no class",
        "ResourceInUseException is AGAIN in the model",
    }


CHECKERS = (ThrottledRetryableChecker, TransientRetryableChecker)


def test_what_boto3_repeats_by_itself_is_repeated_here_too() -> None:
    lists = [value for kind in CHECKERS for value in vars(kind).values() if isinstance(value, list)]
    theirs = {code for codes in lists for code in codes if isinstance(code, str)}
    assert {"ThrottlingException", "RequestTimeout"} <= theirs <= SENT_AGAIN


def test_no_code_stands_in_two_classes_and_an_unknown_one_is_never_repeated() -> None:
    assert sum(len(codes_of(kind)) for kind in ErrorClass) == len(CLASSES)
    assert class_of("TableIsTiredException") == ErrorClass.PERMANENT


def wire_errors() -> list[str]:
    return sorted({c for c, _ in documented(SESSION.get_service_model("dynamodb"), calls_in_use()["dynamodb"])})


def once(code: str) -> Any:
    """Answers the first request with this error, and all others well."""
    left = [refusal(code, 409 if "Conflict" in code else 500 if code.startswith("Internal") else 400)]

    def answer(asked: Asked) -> Said:
        return left.pop() if left else (200, [], b'{"TableNames":[],"Items":[],"Count":0}')

    return answer


@pytest.mark.parametrize("code", wire_errors())
def test_the_transport_repeats_what_is_temporary_and_nothing_else(code: str) -> None:
    with between("", before=once(code)) as server:
        client = boto3.client(
            "dynamodb", "us-east-2", endpoint_url=server.endpoint, aws_access_key_id="x", aws_secret_access_key="x"
        )
        guard = Guard("target", TARGET | TARGET_WRITES | TARGET_CANARY, Calls())
        credentials = boto3.Session("x", "x").get_credentials()
        transport = DynamoDBTransport(client, credentials, guard)
        backoff = Backoff(sleep=lambda seconds: None)
        if class_of(code) in (ErrorClass.THROTTLED, ErrorClass.AGAIN):
            assert transport.read("Scan", b"{}", backoff).startswith(b"{")
            assert len(server.asked) == 2
        else:
            with pytest.raises(TransportError, match=code):
                transport.read("Scan", b"{}", backoff)
            assert len(server.asked) == 1
        client.close()


@pytest.mark.parametrize("code", sorted({"InternalServerError", *SENT_AGAIN} & set(wire_errors())))
def test_boto3_as_it_is_set_up_here_repeats_it_too(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with between("", before=once(code)) as server:
        client = boto3.client(
            "dynamodb", "us-east-2", endpoint_url=server.endpoint, aws_access_key_id="x", aws_secret_access_key="x",
            config=CONFIG,
        )  # fmt: skip
        if code == "TransactionConflictException":  # of single writes, which go over the transport alone
            with pytest.raises(client.exceptions.TransactionConflictException):
                client.put_item(TableName="ttt", Item={})
        elif code == "ReplicatedWriteConflictException":
            client.put_item(TableName="ttt", Item={})
        else:
            client.list_tables()
        client.close()


@pytest.mark.chaos
def test_a_write_conflict_with_a_replica_does_not_end_the_import(world: World) -> None:
    world.pair("a", things(120))
    seen = []

    def conflict(asked: Asked) -> Said | None:
        if asked.operation != "BatchWriteItem":
            return None
        seen.append(asked)
        return refusal("ReplicatedWriteConflictException", 409) if len(seen) % 3 == 1 else None

    with between(world.endpoint, before=conflict) as server:
        run = world.open(target={"endpoint_url": server.endpoint})
        preflight(run)
        export_tables(run)
        facts = import_tables(run)[world.src("a")]
        assert (facts["status"], facts["failure"]) == ("completed", None)
        assert validate_tables(run)[world.src("a")]["verdict"] == "PASS"
    assert len(seen) > 5
