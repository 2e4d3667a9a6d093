"""An answer without what is built on it is a call that failed, of whichever call it is."""

from __future__ import annotations

import ast
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from botocore.exceptions import BotoCoreError

import runbook_lib
from runbook_lib.aws.guard.needed_parts import NEEDED, PartMissing, refuse_without_parts

SERVICES = ("dynamodb", "sts", "kms", "application-autoscaling")
BY_THE_PARSER = {("get_object", "Body")}  # it is there whatever the server says


def model_of(call: str) -> Any:
    service, operation = call.split(":")
    return botocore.session.Session().get_service_model(service).operation_model(operation)


def hear(call: str, parsed: dict[str, Any], status: int = 200) -> None:
    refuse_without_parts(SimpleNamespace(status_code=status), parsed, model_of(call))


def whole(parts: tuple[str, ...]) -> dict[str, Any]:
    """An answer with something at each of the paths."""
    answer: dict[str, Any] = {}
    for part in parts:
        held, *inner = answer, *part.split(".")
        for name in inner[:-1]:
            each = held.setdefault(name.removesuffix("[]"), [{}] if name.endswith("[]") else {})
            held = each[0] if isinstance(each, list) else each
        held.setdefault(inner[-1], {"some": "thing"})
    return answer


def without(answer: dict[str, Any], part: str) -> dict[str, Any]:
    name, _, rest = part.partition(".")
    plain = name.removesuffix("[]")
    if not rest:
        return {key: value for key, value in answer.items() if key != plain}
    inner = answer[plain]
    return answer | {
        plain: [without(each, rest) for each in inner] if isinstance(inner, list) else without(inner, rest)
    }


CASES = [(call, part) for call, parts in NEEDED.items() for part in parts]


@pytest.mark.parametrize(("call", "part"), CASES, ids="-".join)
def test_a_part_that_is_needed_is_one_of_botocores_and_missed(call: str, part: str) -> None:
    answer = whole(NEEDED[call])
    hear(call, answer)
    with pytest.raises(PartMissing, match="was answered without") as missed:
        hear(call, without(answer, part))
    assert isinstance(missed.value, BotoCoreError)
    hear(call, {}, 400)  # errors are told as such
    shape = model_of(call).output_shape
    for name in part.split("."):
        shape = shape.members[name.removesuffix("[]")]
        shape = shape.member if name.endswith("[]") else shape


def test_a_list_that_holds_nothing_lacks_nothing() -> None:
    hear("dynamodb:ListExports", {})
    hear("dynamodb:ListExports", {"ExportSummaries": []})


def test_whatever_is_taken_out_of_an_answer_right_away_has_to_be_in_it() -> None:
    """Every `client.some_call(...)["Member"]` of the library."""
    calls = {
        xform_name(operation): f"{service}:{operation}"
        for service in SERVICES
        for operation in botocore.session.Session().get_service_model(service).operation_names
    }
    missing, found = [], 0
    root = Path(runbook_lib.__file__).parent
    for file in root.rglob("*.py"):
        if file.is_relative_to(root / "sandbox") or file.is_relative_to(root / "conformance"):
            continue  # they ask on purpose, or are the server
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Subscript(
                    value=ast.Call(func=ast.Attribute(attr=name)), slice=ast.Constant(value=str(member))
                ) if (call := calls.get(name)) and (name, member) not in BY_THE_PARSER:
                    found += 1
                    missing += [(file.name, name, member)] if member not in NEEDED.get(call, ()) else []
    assert missing == []
    assert found > 8
