"""Whichever call it is: an answer that names another table than was asked about is none."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import botocore.session
import pytest

from runbook_lib.aws.guard.answered_for import AnswerOfAnother, note_asked, refuse_of_another

SERVICES = [botocore.session.Session().get_service_model(name) for name in ("dynamodb", "dynamodbstreams")]
NAMING = ("TableName", "TableArn", "ExportArn", "ImportArn")
ARN = "arn:aws:dynamodb:us-east-2:111122223333:table/"


def ask_and_hear(model: Any, params: dict[str, Any], parsed: dict[str, Any], status: int = 200) -> None:
    context: dict[str, Any] = {}
    note_asked(params=params, model=model, context=context)
    refuse_of_another(http_response=SimpleNamespace(status_code=status), parsed=parsed, model=model, context=context)


def asked_about(given: str, name: str) -> dict[str, Any]:
    return {given: {"TableName": name, "TableArn": ARN + name}.get(given, f"{ARN}{name}/{given[:6].lower()}/1")}


def answers(model: Any, name: str) -> list[dict[str, Any]]:
    """Each way in which an answer of an operation can name a table, at its first level or one below."""
    said = {given: asked_about(given, name)[given] for given in NAMING}
    found = []
    for member, shape in (model.output_shape.members if model.output_shape else {}).items():
        if member in said:
            found.append({member: said[member]})
        inner = shape.member if shape.type_name == "list" else shape
        for deep in inner.members if inner.type_name == "structure" else ():
            if deep in said:
                held = {deep: said[deep]}
                found.append({member: [held] if shape.type_name == "list" else held})
    return found


CASES = [
    (model, given, place)
    for service in SERVICES
    for model in map(service.operation_model, service.operation_names)
    for given in NAMING
    if model.input_shape is not None and given in model.input_shape.members
    for place in range(len(answers(model, "t")))
]


@pytest.mark.parametrize(("model", "given", "place"), CASES, ids=lambda value: getattr(value, "name", str(value)))
def test_an_answer_that_names_another_table_is_a_call_that_failed(model: Any, given: str, place: int) -> None:
    ask_and_hear(model, asked_about(given, "mine"), answers(model, "mine")[place])
    ask_and_hear(model, asked_about(given, "mine"), answers(model, "other")[place], status=400)
    with pytest.raises(AnswerOfAnother, match=r"was asked about mine, and the answer is about other"):
        ask_and_hear(model, asked_about(given, "mine"), answers(model, "other")[place])


def test_there_are_as_many_such_calls_as_are_used() -> None:
    assert {"DescribeTable", "CreateTable", "UpdateTable", "DeleteTable", "DescribeExport", "ExportTableToPointInTime",
            "DescribeImport", "Scan"} <= {model.name for model, _, _ in CASES}  # fmt: skip


def test_a_table_may_be_asked_for_by_its_arn_and_named_plainly() -> None:
    model = SERVICES[0].operation_model("DescribeTable")
    ask_and_hear(model, {"TableName": f"{ARN}mine"}, {"Table": {"TableName": "mine", "TableArn": f"{ARN}mine"}})
    ask_and_hear(model, {"TableName": "mine"}, {"Table": {}})
