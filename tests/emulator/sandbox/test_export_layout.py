"""The layout writer against an export that AWS wrote."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook_lib.export_format.writer import (
    ExportIdentity,
    ExportWriter,
    data_file_name,
    export_folder,
    new_export_id,
)
from runbook_lib.timestamps import format_timestamp
from tests.support.real_chain import lies_beside

# Known from a real export; its account number is replaced by the documentation account.
REAL_ID = "01715685260608-c488b4e1"
REAL_SUMMARY: dict[str, Any] = {
    "version": "2020-06-30",
    "exportArn": f"arn:aws:dynamodb:eu-central-1:111122223333:table/S3ExportTest/export/{REAL_ID}",
    "startTime": "2024-05-14T11:14:20.608Z",
    "endTime": "2024-05-14T11:19:26.869Z",
    "tableArn": "arn:aws:dynamodb:eu-central-1:111122223333:table/S3ExportTest",
    "tableId": "11991185-e7ab-4da5-8bab-03f0db0b7bfd",
    "exportTime": "2024-05-14T11:14:20.608Z",
    "s3Bucket": "test-bucket",
    "s3Prefix": "dynamodb-export",
    "s3SseAlgorithm": "AES256",
    "s3SseKmsKeyId": None,
    "manifestFilesS3Key": f"dynamodb-export/AWSDynamoDB/{REAL_ID}/manifest-files.json",
    "billedSizeBytes": 19,
    "itemCount": 3,
    "outputFormat": "DYNAMODB_JSON",
}
REAL_FILE_LINE = (
    b'{"itemCount":3,"md5Checksum":"rzAeIrtALbOlNdK5Hh8tgA==","etag":"d1663e415aedcbf3c4977cde7002d2bf-1",'
    b'"dataFileS3Key":"dynamodb-export/AWSDynamoDB/01715685260608-c488b4e1/data/uimbi7eofu2b5kzkxe63gsvb6i.json.gz"}'
)
START = datetime(2024, 5, 14, 11, 14, 20, 608000, UTC)
END = datetime(2024, 5, 14, 11, 19, 26, 869000, UTC)
FOLDER = f"dynamodb-export/AWSDynamoDB/{REAL_ID}/"


class Bucket(dict[str, bytes]):
    """Objects in the order they were put."""

    def put(self, key: str, body: BinaryIO) -> None:
        self[key] = body.read()


def identity(prefix: str = "dynamodb-export") -> ExportIdentity:
    return ExportIdentity(
        export_arn=REAL_SUMMARY["exportArn"],
        table_arn=REAL_SUMMARY["tableArn"],
        table_id=REAL_SUMMARY["tableId"],
        bucket="test-bucket",
        prefix=prefix,
        export_id=REAL_ID,
        export_time=START,
        start_time=START,
    )


def write(files: list[list[bytes]], prefix: str = "dynamodb-export", billed: int | None = None) -> Bucket:
    bucket = Bucket()
    writer = ExportWriter(bucket.put, identity(prefix))
    writer.start()
    for number, items in enumerate(files):
        writer.add_file(items, data_file_name(str(number).encode()))
    writer.finish(END, billed)
    return bucket


def test_summary_is_byte_for_byte_what_aws_writes() -> None:
    bucket = write([[b'{"id":{"S":"a"}}', b'{"id":{"S":"b"}}', b'{"id":{"S":"c"}}']], billed=19)
    expected = json.dumps(REAL_SUMMARY, separators=(",", ":")).encode()
    assert bucket[FOLDER + "manifest-summary.json"] == expected


def test_files_manifest_has_the_fields_and_order_of_aws() -> None:
    bucket = write([[b'{"id":{"S":"a"}}'], []])
    lines = bucket[FOLDER + "manifest-files.json"].splitlines()
    for line in lines:
        assert list(json.loads(line)) == list(json.loads(REAL_FILE_LINE))
        assert line == json.dumps(json.loads(line), separators=(",", ":")).encode()
    assert [json.loads(line)["itemCount"] for line in lines] == [1, 0]


def test_sums_are_those_of_the_compressed_objects() -> None:
    bucket = write([[b'{"id":{"S":"a"}}'], []])
    for line in bucket[FOLDER + "manifest-files.json"].splitlines():
        entry = json.loads(line)
        digest = hashlib.md5(bucket[entry["dataFileS3Key"]]).digest()
        assert entry["md5Checksum"] == base64.b64encode(digest).decode()
        assert entry["etag"] == hashlib.md5(digest).hexdigest() + "-1"


def test_sum_and_etag_of_the_real_export_follow_the_same_arithmetic() -> None:
    entry = json.loads(REAL_FILE_LINE)
    digest = base64.b64decode(entry["md5Checksum"])
    assert hashlib.md5(digest).hexdigest() + "-1" == entry["etag"]


def test_sidecars_are_24_bytes_of_base64() -> None:
    bucket = write([[b'{"id":{"S":"a"}}']])
    for name in ("manifest-files", "manifest-summary"):
        digest = hashlib.md5(bucket[f"{FOLDER}{name}.json"]).digest()
        assert bucket[f"{FOLDER}{name}.md5"] == base64.b64encode(digest)
        assert len(bucket[f"{FOLDER}{name}.md5"]) == 24


def test_marker_comes_first_and_summary_last() -> None:
    keys = list(write([[b"{}"], []]))
    assert keys[0] == FOLDER + "_started"
    assert keys[-1] == FOLDER + "manifest-summary.json"


def test_gzip_header_is_that_of_aws_and_files_are_reproducible() -> None:
    one, two = write([[b'{"id":{"S":"a"}}']]), write([[b'{"id":{"S":"a"}}']])
    assert one == two
    data = next(body for key, body in one.items() if "/data/" in key)
    assert data[:10].hex() == "1f8b08000000000000ff"


def test_empty_prefix_gives_no_leading_slash() -> None:
    assert export_folder("", REAL_ID) == f"AWSDynamoDB/{REAL_ID}/"
    assert export_folder("a/b", REAL_ID) == f"a/b/AWSDynamoDB/{REAL_ID}/"
    assert export_folder("a/b/", REAL_ID) == f"a/b/AWSDynamoDB/{REAL_ID}/"
    assert not any(key.startswith("/") for key in write([[]], prefix=""))


def test_export_id_has_14_digits_of_milliseconds_and_8_of_hex() -> None:
    assert new_export_id(START, "c488b4e1") == REAL_ID
    with pytest.raises(ValueError, match="8 hex digits"):
        new_export_id(START, "c488")


def test_data_file_names_look_like_those_of_aws() -> None:
    name = data_file_name(b"any")
    assert len(name) == len("uimbi7eofu2b5kzkxe63gsvb6i.json.gz")
    assert set(name.removesuffix(".json.gz")) <= set("abcdefghijklmnopqrstuvwxyz234567")


@given(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)))
def test_export_ids_never_lose_a_millisecond(moment: datetime) -> None:
    milliseconds = int(new_export_id(moment, "00000000")[:14])
    assert datetime.fromtimestamp(milliseconds // 1000, UTC).replace(
        microsecond=milliseconds % 1000 * 1000
    ) == moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert format_timestamp(moment).endswith("Z")


@given(st.lists(st.lists(st.dictionaries(st.text(), st.fixed_dictionaries({"S": st.text()})), max_size=5), max_size=4))
def test_every_item_comes_back_from_the_files_as_it_went_in(files: list[list[dict[str, Any]]]) -> None:
    raw = [[json.dumps(item, ensure_ascii=False).encode("utf-8", "surrogatepass") for item in items] for items in files]
    bucket = write(raw)
    entries = [json.loads(line) for line in bucket[FOLDER + "manifest-files.json"].splitlines()]
    for items, entry in zip(raw, entries, strict=True):
        lines = gzip.decompress(bucket[entry["dataFileS3Key"]]).split(b"\n")
        assert lines.pop() == b""
        assert lines == [b'{"Item":' + item + b"}" for item in items]
        assert entry["itemCount"] == len(items)


REAL = (lies_beside("real-export") or Path("nowhere")) / "AWSDynamoDB" / REAL_ID


@pytest.mark.skipif(not REAL.is_dir(), reason="the real export is not part of the repository")
def test_the_values_above_are_those_of_the_real_export() -> None:
    summary = json.loads((REAL / "manifest-summary.json").read_bytes())
    account = summary["tableArn"].split(":")[4]
    assert json.loads(json.dumps(summary).replace(account, "111122223333")) == REAL_SUMMARY
    assert list(summary) == list(REAL_SUMMARY)
    assert (REAL / "manifest-files.json").read_bytes().strip() == REAL_FILE_LINE
    [data] = (REAL / "data").iterdir()
    assert data.read_bytes()[:10].hex() == "1f8b08000000000000ff"
    assert gzip.decompress(data.read_bytes()).startswith(b'{"Item":{"id":{"S":"bar"},"baz":{"N":"0"}}}\n')
