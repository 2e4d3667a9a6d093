"""Manifests that lie, by the command and over HTTP alone: each is refused by name, whoever made the export and when."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.support.damaged_exports import DamagedExports
from tests.support.in_process import runbook_here
from tests.support.liar import Between, between
from tests.support.world import ACCOUNT, World, things

Change = Callable[[bytes], bytes]


def of_first(change: Callable[[bytes], bytes]) -> Change:
    """Of the first file of a list."""
    return lambda body: b"\n".join((change(body.splitlines()[0]), *body.splitlines()[1:])) + b"\n"


def said(**fields: Any) -> Change:
    return lambda body: json.dumps(json.loads(body) | fields).encode()


def without(name: str) -> Change:
    return lambda body: json.dumps({k: v for k, v in json.loads(body).items() if k != name}).encode()


def keyed(change: Callable[[str], str]) -> Change:
    return lambda body: said(dataFileS3Key=change(json.loads(body)["dataFileS3Key"]))(body)


def twice(name: str) -> Change:
    return lambda body: body.rstrip(b" \n}") + f',"{name}":{json.dumps(json.loads(body)[name])}}}'.encode()


def float_of(body: bytes) -> bytes:
    return said(itemCount=float(json.loads(body)["itemCount"]))(body)


def behind_bom(body: bytes) -> bytes:
    return b"\xef\xbb\xbf" + body


def again(prefix: str) -> Change:
    def listed(body: bytes) -> bytes:
        first = body.splitlines()[0]
        return body + keyed(lambda key: prefix + key)(first) + b"\n"

    return listed


COUNT = "itemCount should be a count from 0 to"
# By tables: what becomes of the list of files, and what is said of it.
LISTS: dict[str, tuple[Change, str]] = {
    "huge": (of_first(said(itemCount=10**30)), COUNT),
    "more-than-its-summary": (of_first(said(itemCount=2**53 - 1)), "the files in manifest-files.json add up to"),
    "negative": (of_first(said(itemCount=-1)), COUNT),
    "float": (of_first(float_of), COUNT),
    "truth": (of_first(said(itemCount=True)), COUNT),
    "text": (of_first(said(itemCount="6")), COUNT),
    "no-count": (of_first(without("itemCount")), COUNT),
    "twice": (of_first(twice("itemCount")), "'itemCount' is said twice"),
    "key-twice": (of_first(twice("dataFileS3Key")), "'dataFileS3Key' is said twice"),
    "no-list": (lambda body: b"[" + b",".join(body.splitlines()) + b"]", "expected an object, found list"),
    "cut": (lambda body: body[:-9], "is not JSON"),
    "nothing": (lambda body: b"", "the files in manifest-files.json add up to 0"),
    "deep": (lambda body: b"[" * 100_000, "is not JSON"),
    "above": (of_first(keyed(lambda key: key.replace("/data/", "/../data/"))), "it belongs to another export"),
    "dots": (of_first(keyed(lambda key: re.sub("/data/.*", "/data/..", key))), "it belongs to another export"),
    "elsewhere": (of_first(keyed(lambda key: re.sub("AWSDynamoDB/[^/]*", "AWSDynamoDB/02-b", key))),
                  "it belongs to another export"),
    "below": (of_first(keyed(lambda key: key.replace("/data/", "/data/data/"))), "it belongs to another export"),
    "file-again": (again(""), "is listed twice"),
    "file-again-moved": (again("moved/"), "is listed twice"),
    "no-md5": (of_first(said(md5Checksum="x" * 24)), "md5Checksum should be 16 bytes in base64"),
    "filtered": (of_first(said(filterExpression="a = :a")), "found the field 'filterExpression'"),
}  # fmt: skip
SUMMARIES: dict[str, tuple[Change, str]] = {
    "summary-float": (float_of, COUNT),
    "summary-none": (said(itemCount=0), "says 0 items, the files in manifest-files.json add up to"),
    "summary-twice": (twice("itemCount"), "'itemCount' is said twice"),
    "summary-list": (lambda body: b"[" + body + b"]", "expected an object, found list"),
    "summary-of-another-list": (said(manifestFilesS3Key="q/AWSDynamoDB/7-z/manifest-files.json"),
                                "is not the manifest-files.json beside it"),
    "summary-time": (said(exportTime="tomorrow"), "exportTime should be a time with its zone"),
}  # fmt: skip
LIES = LISTS | SUMMARIES


# What another program may make of a manifest without a lie.
SPELLED: dict[str, tuple[Change, Change]] = {
    "marked": (behind_bom, behind_bom),
    "breaks": (lambda body: b"\n" + body.replace(b"\n", b"\r\n\n"), lambda body: body + b"\r\n"),
    "more-fields": (of_first(said(later={"a": [1]})), said(later=None)),
    "backwards": (lambda body: b"\n".join(body.splitlines()[::-1]), said(itemCount=5)),
    "moved": (of_first(keyed(lambda key: "before/" + key)), said(s3Prefix="before/exports")),
}


def run_changed(
    world: World, liar: Between, damaged: DamagedExports, *how: str, **changes: Any
) -> CompletedProcess[str]:
    liar.after = damaged.told
    return runbook_here("run", world.config(staging={"endpoint_url": liar.endpoint}, **changes), "--run-id", "r", *how)


@pytest.mark.whole
def test_each_manifest_that_lies_fails_its_own_table_by_name(world: World) -> None:
    for name in LIES:
        world.pair(name, things(5))
    lists, summaries = ({name: lie for name, (lie, _) in lies.items()} for lies in (LISTS, SUMMARIES))
    with between(world.endpoint) as liar:
        done = run_changed(world, liar, DamagedExports(world, lists=lists, summaries=summaries), "--execute")
    assert done.returncode == 1, done.stdout + done.stderr
    assert world.record("r")["verdict"] == "FAIL"
    tables = {table["source"].removeprefix(world.src("")): table for table in world.record("r")["tables"]}
    assert tables.keys() == LIES.keys()
    for name, (_, says) in LIES.items():
        assert says in " ".join(tables[name]["reasons"]), (name, tables[name]["reasons"])
        assert tables[name]["verdict"] == "FAIL", name
        assert world.items(world.target, world.dst(name)) == [], name


@pytest.mark.whole
def test_a_list_of_files_that_lies_is_refused_in_an_export_made_earlier(world: World) -> None:
    world.pair("a", things(5))
    arn = exported(world, "a")
    with between(world.endpoint) as liar:
        for name in ("huge", "float", "twice", "above", "more-than-its-summary", "file-again"):
            lie, says = LISTS[name]
            damaged = DamagedExports(world, lists={"a": lie})
            done = run_changed(world, liar, damaged, "--execute", export={"reuse": {world.src("a"): arn}})
            assert done.returncode == 2, (name, done.stdout + done.stderr)
            assert says in done.stderr, (name, done.stderr)
    assert not (world.folder / "reports" / "r").exists()
    assert world.items(world.target, world.dst("a")) == []


@pytest.mark.whole
def test_a_manifest_that_says_the_same_in_other_words_is_read(world: World) -> None:
    for name in SPELLED:
        world.pair(name, things(5))
    lists, summaries = ({name: pair[which] for name, pair in SPELLED.items()} for which in (0, 1))
    with between(world.endpoint) as liar:
        done = run_changed(world, liar, DamagedExports(world, lists=lists, summaries=summaries), "--execute")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(world.record("r")["tables"]) == len(SPELLED)
    for name in SPELLED:
        held = sorted(world.items(world.target, world.dst(name)), key=lambda item: str(item["id"]["S"]))
        assert held == things(5), name


def exported(world: World, name: str) -> str:
    """The ARN of an export that is there."""
    made = world.source.export_table_to_point_in_time(
        TableArn=f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/{world.src(name)}", S3Bucket=world.bucket
    )
    arn: str = made["ExportDescription"]["ExportArn"]
    while world.source.describe_export(ExportArn=arn)["ExportDescription"]["ExportStatus"] != "COMPLETED":
        time.sleep(0.05)
    return arn
