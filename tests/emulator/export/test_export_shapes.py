"""Exports in the shapes in which people have them: as AWS wrote them, moved, copied, unpacked, and of other kinds."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from runbook_lib.errors import ManifestError
from runbook_lib.export_format.manifest import read_manifest
from tests.support.in_process import runbook_here
from tests.support.real_chain import real_chain
from tests.support.world import World

ID = "01715685260608-c488b4e1"
TABLE = "arn:aws:dynamodb:eu-central-1:111122223333:table/Exported"
ROWS = b"".join(b'{"Item":{"id":{"S":"i%d"},"n":{"N":"%d"}}}\n' % (n, n) for n in range(3))
DATA = "data/uimbi7eofu2b5kzkxe63gsvb6i.json.gz"
Objects = dict[str, bytes]
CHAIN = real_chain() or Path("nowhere")


def export(data: bytes = b"", items: int = 3, **summary: Any) -> Objects:
    """The objects of an export's folder, by their names in it, without sidecars."""
    data = data or gzip.compress(ROWS)
    said = {
        "version": "2020-06-30", "exportArn": f"{TABLE}/export/{ID}", "startTime": "2024-05-14T11:14:20.608Z",
        "endTime": "2024-05-14T11:20:32.010Z", "tableArn": TABLE, "tableId": "an-id", "s3Bucket": "theirs",
        "exportTime": "2024-05-14T11:14:20.608Z", "s3Prefix": "made", "s3SseAlgorithm": "AES256",
        "s3SseKmsKeyId": None, "manifestFilesS3Key": f"made/AWSDynamoDB/{ID}/manifest-files.json",
        "billedSizeBytes": 0, "itemCount": items, "outputFormat": "DYNAMODB_JSON",
    }  # fmt: skip
    entry = {
        "itemCount": items, "md5Checksum": base64.b64encode(hashlib.md5(data).digest()).decode(), "etag": "e-1",
        "dataFileS3Key": f"made/AWSDynamoDB/{ID}/{DATA}",
    }  # fmt: skip
    return {
        DATA: data,
        "manifest-summary.json": json.dumps(said | summary).encode(),
        "manifest-files.json": json.dumps(entry).encode() + b"\n",
    }


def sealed(objects: Objects, kind: str = "md5") -> Objects:
    names = ("manifest-summary", "manifest-files")
    return objects | {f"{n}.{kind}": base64.b64encode(hashlib.md5(objects[f"{n}.json"]).digest()) for n in names}


def with_files(objects: Objects, old: bytes, new: bytes) -> Objects:
    return objects | {"manifest-files.json": objects["manifest-files.json"].replace(old, new)}


CHANGES = gzip.compress(
    b'{"Metadata":{"WriteTimestampMicros":{"N":"1"}},"Keys":{"id":{"S":"a"}},"NewImage":{"id":{"S":"a"}}}\n'
    b'{"Metadata":{"WriteTimestampMicros":{"N":"2"}},"Keys":{"id":{"S":"b"}},"OldImage":{"id":{"S":"b"}}}\n'
)
TIMES = {"exportFromTime": "2024-05-14T11:00:00Z", "exportToTime": "2024-05-14T12:00:00Z"}
FIRST, REST = ROWS.splitlines(True)[0], b"".join(ROWS.splitlines(True)[1:])
LOADED: dict[str, tuple[str, Objects]] = {
    "as found, without sidecars": ("made", export()),
    "with .md5": ("made", sealed(export())),
    "with .checksum": ("made", sealed(export(), "checksum")),
    "moved to another prefix": ("elsewhere/deep", sealed(export())),
    "moved to the root": ("", sealed(export())),
    "blank lines at the end of the list": ("made", with_files(export(), b"}\n", b"}\n\n\n")),
    "fields that nobody knows yet": ("made", with_files(export(new=[1, 2]), b'{"item', b'{"future":{"a":1},"item')),
    "which says that it is full": ("made", export(exportType="FULL_EXPORT")),
    "gzip of two members": ("made", export(gzip.compress(FIRST) + gzip.compress(REST))),
    "without a last line break": ("made", export(gzip.compress(ROWS.rstrip(b"\n")))),
    "with CRLF": ("made", export(gzip.compress(ROWS.replace(b"\n", b"\r\n")))),
}
REFUSED: dict[str, tuple[Objects, str]] = {
    "incremental": (export(CHANGES, 2, exportType="INCREMENTAL_EXPORT", **TIMES), "found INCREMENTAL_EXPORT"),
    "Ion": (export(gzip.compress(b"$ion_1_0 {Item:{}}\n"), 1, outputFormat="ION"), "DYNAMODB_JSON, found 'ION'"),
    "another tool's, with keys of its own": (
        with_files(export(), f"made/AWSDynamoDB/{ID}/".encode(), b""), "it belongs to another export",
    ),
}  # fmt: skip
DAMAGED: dict[str, tuple[Objects, str]] = {
    "incremental, and does not say so": (export(CHANGES, 2), "is a change of an item, as an incremental export has it"),
    "unpacked on the way": (export(ROWS), "is not whole gzip"),
}


def ran(world: World, prefix: str, objects: Objects) -> CompletedProcess[str]:
    """The command on the one table whose export lies under a prefix; its source table exists nowhere."""
    folder = f"{world.tag}/{prefix}/AWSDynamoDB/{ID}/".replace("//", "/")
    for name, body in objects.items():
        world.put_object(folder + name, body)
    world.table(world.target, world.dst("a"))
    config = world.config(
        tables={"include": ["Exported"], "rename": None, "overrides": {"Exported": world.dst("a")}},
        export={"reuse": {"Exported": f"s3://{world.bucket}/{folder}"}},
    )  # fmt: skip
    return runbook_here("run", config, "--run-id", "r", "--execute")


@pytest.mark.parametrize("shape", LOADED)
@pytest.mark.few(2)
def test_a_whole_export_is_loaded(world: World, shape: str) -> None:
    done = ran(world, *LOADED[shape])
    assert done.returncode == 0, done.stdout + done.stderr
    assert (world.record("r")["verdict"], world.record("r")["tables"][0]["items_written"]) == ("PASS", 3)
    found = sorted(world.items(world.target, world.dst("a")), key=lambda i: i["id"]["S"])
    assert found == [{"id": {"S": f"i{n}"}, "n": {"N": str(n)}} for n in range(3)]


@pytest.mark.parametrize("shape", REFUSED)
def test_what_is_no_whole_export_is_a_configuration_error(world: World, shape: str) -> None:
    objects, says = REFUSED[shape]
    done = ran(world, "made", objects)
    assert (done.returncode, world.items(world.target, world.dst("a"))) == (2, [])
    assert says in done.stderr


@pytest.mark.parametrize("shape", DAMAGED)
def test_files_that_are_not_what_the_manifest_says_are_named(world: World, shape: str) -> None:
    objects, says = DAMAGED[shape]
    done = ran(world, "made", objects)
    assert (done.returncode, world.items(world.target, world.dst("a"))) == (1, [])
    assert says in " ".join(world.record("r")["tables"][0]["reasons"])


def test_of_a_chain_that_aws_wrote_the_full_export_is_taken_and_the_changes_are_refused_by_name() -> None:
    if not CHAIN.is_dir():
        pytest.skip("the chain that AWS wrote is not on this machine")

    def read(key: str) -> bytes | None:
        # Whoever published it wrote another account's number over theirs: the manifests' sidecars do not fit.
        return (CHAIN / key).read_bytes() if (CHAIN / key).is_file() and key.endswith(".json") else None

    full, *windows = sorted(p.name for p in (CHAIN / "AWSDynamoDB").iterdir() if p.name != "data")
    assert read_manifest(read, f"AWSDynamoDB/{full}/", need_sidecars=False).items == 3
    for window in windows:
        with pytest.raises(ManifestError, match="found INCREMENTAL_EXPORT; it holds the changes"):
            read_manifest(read, f"AWSDynamoDB/{window}/", need_sidecars=False)
