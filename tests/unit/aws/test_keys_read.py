"""An answer to BatchGetItem is about the keys that were asked for, or it is none."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from runbook_lib.aws.dynamodb.read.batch_get import keys_read
from runbook_lib.errors import TransferError

KEYS: list[Any] = [{"id": {"N": str(n)}} for n in range(3)]


def read(**answer: Any) -> Any:
    return keys_read(orjson.dumps(answer), "t", KEYS)


def test_items_and_keys_that_were_asked_for_are_taken_however_their_numbers_are_spelled() -> None:
    item = {"id": {"N": "1.0"}, "what": {"S": "x"}}
    assert read(Responses={"t": [item]}, UnprocessedKeys={"t": {"Keys": [KEYS[2]]}}) == ([item], [KEYS[2]])
    assert read(Responses={"t": []}) == read(Responses={}, UnprocessedKeys={}) == ([], [])
    assert read(Responses={}, UnprocessedKeys={"t": {"Keys": KEYS}}) == ([], KEYS)


OTHERS: dict[str, Any] = {
    "of another table": {"Responses": {"u": []}},
    "of another table too": {"Responses": {"t": [], "u": []}},
    "not read of another table": {"Responses": {"t": []}, "UnprocessedKeys": {"u": {"Keys": KEYS}}},
    "another key": {"Responses": {"t": [{"id": {"N": "9"}}]}},
    "another key not read": {"Responses": {"t": []}, "UnprocessedKeys": {"t": {"Keys": [{"id": {"N": "9"}}]}}},
    "an item twice": {"Responses": {"t": [KEYS[0], KEYS[0]]}},
    "read and not read": {"Responses": {"t": [KEYS[0]]}, "UnprocessedKeys": {"t": {"Keys": [KEYS[0]]}}},
    "an item without a key": {"Responses": {"t": [{"what": {"S": "x"}}]}},
    "no list": {"Responses": {"t": 5}},
    "no responses": {},
}


@pytest.mark.parametrize("case", OTHERS)
def test_an_answer_to_another_request_is_refused(case: str) -> None:
    with pytest.raises(TransferError, match="BatchGetItem of t: "):
        read(**OTHERS[case])
