from __future__ import annotations

import base64
import hashlib
import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from runbook_lib.errors import ManifestError
from runbook_lib.export_format.manifest import Manifest, read_manifest
from runbook_lib.export_format.writer import ExportIdentity, ExportWriter, data_file_name

ARN = "arn:aws:dynamodb:us-east-1:111122223333:table/orders"
FOLDER = "exports/AWSDynamoDB/01715685260608-c488b4e1/"
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def store() -> dict[str, bytes]:
    """An export of five items in three files, one of them empty."""
    objects: dict[str, bytes] = {}
    identity = ExportIdentity(
        f"{ARN}/export/01715685260608-c488b4e1", ARN, "id-1", "bucket", "exports",
        "01715685260608-c488b4e1", MOMENT, MOMENT,
    )  # fmt: skip
    writer = ExportWriter(lambda key, body: objects.update({key: body.read()}), identity)
    writer.start()
    for number, count in enumerate((3, 0, 2)):
        lines = [json.dumps({"id": {"S": f"{number}-{n}"}}).encode() for n in range(count)]
        writer.add_file(lines, data_file_name(bytes([number])))
    writer.finish(MOMENT)
    return objects


def read(store: dict[str, bytes], folder: str = FOLDER, need_sidecars: bool = True) -> Manifest:
    return read_manifest(store.get, folder, need_sidecars=need_sidecars)


def seal(store: dict[str, bytes], name: str) -> None:
    """Make a manifest's sidecar right again after the manifest was changed."""
    content = store[f"{FOLDER}{name}.json"]
    store[f"{FOLDER}{name}.md5"] = base64.b64encode(hashlib.md5(content).digest())


def change(store: dict[str, bytes], **fields: Any) -> None:
    """Change fields of the summary, sidecar included; None takes a field away."""
    summary = json.loads(store[FOLDER + "manifest-summary.json"]) | fields
    summary = {k: v for k, v in summary.items() if v is not None}
    store[FOLDER + "manifest-summary.json"] = json.dumps(summary).encode()
    seal(store, "manifest-summary")


def change_files(store: dict[str, bytes], edit: Any) -> None:
    entries = [json.loads(line) for line in store[FOLDER + "manifest-files.json"].splitlines()]
    store[FOLDER + "manifest-files.json"] = "\n".join(json.dumps(e) for e in edit(entries)).encode()
    seal(store, "manifest-files")


def test_a_manifest_names_its_files_and_how_many_items_they_hold(store: dict[str, bytes]) -> None:
    manifest = read(store)
    assert [f.items for f in manifest.files] == [3, 0, 2]
    assert manifest.items == 5
    assert manifest.table_name == "orders"
    assert manifest.checked
    assert all(f.key in store for f in manifest.files)


def test_the_documented_name_of_the_sidecar_is_taken_too(store: dict[str, bytes]) -> None:
    for name in ("manifest-summary", "manifest-files"):
        store[f"{FOLDER}{name}.checksum"] = store.pop(f"{FOLDER}{name}.md5")
    assert read(store).checked


@pytest.mark.parametrize("name", ["manifest-summary", "manifest-files"])
def test_a_sidecar_may_be_missing_only_from_an_export_made_elsewhere(store: dict[str, bytes], name: str) -> None:
    del store[f"{FOLDER}{name}.md5"]
    with pytest.raises(ManifestError, match="cannot be checked"):
        read(store)
    assert not read(store, need_sidecars=False).checked


@pytest.mark.parametrize("name", ["manifest-summary", "manifest-files"])
@pytest.mark.parametrize("need_sidecars", [True, False])
def test_a_changed_manifest_is_found(store: dict[str, bytes], name: str, need_sidecars: bool) -> None:
    store[f"{FOLDER}{name}.json"] = store[f"{FOLDER}{name}.json"].replace(b":3", b":4").replace(b":5", b":6")
    with pytest.raises(ManifestError, match="has MD5"):
        read(store, need_sidecars=need_sidecars)


@pytest.mark.parametrize("name", ["manifest-summary.json", "manifest-files.json"])
def test_a_missing_manifest_is_found(store: dict[str, bytes], name: str) -> None:
    del store[FOLDER + name]
    with pytest.raises(ManifestError, match="is missing"):
        read(store)


def test_counts_that_contradict_each_other_are_found(store: dict[str, bytes]) -> None:
    change(store, itemCount=6)
    with pytest.raises(ManifestError, match=r"6 items, the files .* add up to 5"):
        read(store)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"exportType": "INCREMENTAL_EXPORT"}, "expected a FULL_EXPORT"),
        ({"outputFormat": "ION"}, "expected outputFormat DYNAMODB_JSON"),
        ({"exportArn": None}, "exportArn should be text"),
        ({"tableArn": 5}, "tableArn should be text"),
        ({"itemCount": -1}, "itemCount should be a count"),
        ({"itemCount": "5"}, "itemCount should be a count"),
        ({"itemCount": True}, "itemCount should be a count"),
        ({"billedSizeBytes": "much"}, "billedSizeBytes should be a count"),
        ({"tableArn": "orders"}, "expected the ARN of a table"),
        ({"tableArn": ARN + "-2"}, "is not of tableArn"),
        ({"exportArn": ARN.replace("orders", "customers") + "/export/01715685260608-c488b4e1"}, "is not of tableArn"),
    ],
)
def test_what_cannot_be_loaded_is_refused(store: dict[str, bytes], fields: dict[str, Any], words: str) -> None:
    change(store, **fields)
    with pytest.raises(ManifestError, match=words):
        read(store)


def test_unknown_fields_and_blank_lines_do_no_harm(store: dict[str, bytes]) -> None:
    change(store, somethingNew={"a": 1}, exportType="FULL_EXPORT")
    store[FOLDER + "manifest-files.json"] += b"\n\n"
    seal(store, "manifest-files")
    assert read(store).items == 5


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda e: [*e, e[0]], "is listed twice"),
        (lambda e: [e[0] | {"md5Checksum": "short"}, *e[1:]], "should be 16 bytes in base64"),
        (lambda e: [e[0] | {"dataFileS3Key": "exports/AWSDynamoDB/other/data/x.json.gz"}, *e[1:]], "another export"),
        (lambda e: [e[0] | {"dataFileS3Key": FOLDER + "../../x"}, *e[1:]], "does not lie in"),
        (lambda e: [e[0] | {"itemCount": None}, *e[1:]], "itemCount should be a count"),
        (lambda e: e[:2], "add up to 3"),
    ],
)
def test_a_list_of_files_that_makes_no_sense_is_refused(store: dict[str, bytes], edit: Any, words: str) -> None:
    change_files(store, edit)
    with pytest.raises(ManifestError, match=words):
        read(store)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff"])
def test_a_summary_that_is_no_json_object_is_refused(store: dict[str, bytes], content: bytes) -> None:
    store[FOLDER + "manifest-summary.json"] = content
    seal(store, "manifest-summary")
    with pytest.raises(ManifestError):
        read(store)


def test_a_moved_export_is_rebased_onto_the_folder_it_lies_in(store: dict[str, bytes]) -> None:
    moved = {f"elsewhere/deep/{key.removeprefix('exports/')}": body for key, body in store.items()}
    manifest = read(moved, "elsewhere/deep/AWSDynamoDB/01715685260608-c488b4e1/")
    assert all(f.key in moved for f in manifest.files)


def test_the_layout_is_the_one_that_aws_wrote(store: dict[str, bytes]) -> None:
    """Field names and their order as in an export by AWS of May 2024."""
    assert list(json.loads(store[FOLDER + "manifest-summary.json"])) == [
        "version", "exportArn", "startTime", "endTime", "tableArn", "tableId", "exportTime", "s3Bucket", "s3Prefix",
        "s3SseAlgorithm", "s3SseKmsKeyId", "manifestFilesS3Key", "billedSizeBytes", "itemCount", "outputFormat",
    ]  # fmt: skip
    first = json.loads(store[FOLDER + "manifest-files.json"].splitlines()[0])
    assert list(first) == ["itemCount", "md5Checksum", "etag", "dataFileS3Key"]
    assert io.BytesIO(store[FOLDER + "_started"]).read() == b""
