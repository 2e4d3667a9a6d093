"""What a bulk put leaves is read for what does not depend on its layout, and is never guessed."""

from __future__ import annotations

import gzip
import io
import json
from typing import Any

import pytest

from runbook_lib.load.targets.bulk_output import BulkOutput, read_output


class Bucket:
    """S3 with these objects."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        self.objects = objects

    def get_object(self, Bucket: str, Key: str, **_: Any) -> dict[str, Any]:
        body = self.objects[Key]
        return {"Body": io.BytesIO(body), "ContentLength": len(body), "ETag": '"x"'}


def read(**objects: bytes) -> BulkOutput:
    held = {f"out/{name.replace('__', '/').replace('_json', '.json')}": body for name, body in objects.items()}
    return read_output(Bucket(held), "b", "out/", sorted(held))


def lines(*records: Any) -> bytes:
    return b"\n".join(json.dumps(record).encode() for record in records) + b"\n"


KEPT_OUT = {"errorCode": "ConditionalCheckFailedException", "item": {"id": {"S": "secret"}}}
REFUSED = {"reason": "ValidationException", "message": "secret"}


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_records_are_counted_plain_or_packed(pack: Any) -> None:
    found = read(x__error_json=pack(lines(REFUSED, REFUSED)), x__other_json=pack(lines(KEPT_OUT)))
    assert found.conditions == 1
    assert found.codes == {"ValidationException": 2, "ConditionalCheckFailedException": 1}


def test_an_object_that_is_named_for_conditions_is_about_them_whatever_its_records_say() -> None:
    assert read(CONDITION_CHECK_FAILURE__0_json=lines({"item": {}}, {"item": {}})).conditions == 2


def test_manifests_and_empty_objects_say_nothing() -> None:
    assert read(manifest_json=b"not JSON at all", x__summary_json=b"[", y_json=b"\n") == BulkOutput(0, read().codes)


@pytest.mark.parametrize("body", [b"PAR1\x00\x01", b"[1, 2]\n", b"a,b\n", b"\x1f\x8bbroken", b'{"whole":\n1}'])
def test_what_cannot_be_read_is_unknown_and_not_none(body: bytes) -> None:
    assert read(x__0_json=body, y__condition_json=lines(KEPT_OUT)).conditions is None


def test_no_text_of_a_record_is_kept_and_no_more_than_some_codes() -> None:
    many = [{"code": f"Code{n}"} for n in range(100)]
    found = read(a_json=lines(*many, {"code": "two words of an item"}, {"message": "secret"}))
    assert "secret" not in str(found)
    assert "two words" not in str(found)
    assert len(found.codes) == 21
    assert found.codes.total() == 102
