"""Attacks that once succeeded, by the command and over HTTP alone: what it says and leaves behind, and how it ends."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.damaged_exports import DamagedExports, md5_of
from tests.support.in_process import runbook_here
from tests.support.liar import Answer, Request, between
from tests.support.world import World, things

UNREADABLE = ("INACCESSIBLE_ENCRYPTION_CREDENTIALS", "ARCHIVED", "ARCHIVING")


@pytest.mark.parametrize("status", UNREADABLE)
@pytest.mark.few(1)
@pytest.mark.whole
def test_a_source_that_aws_cannot_read_is_named_by_the_preflight(world: World, status: str) -> None:
    world.pair("a", things(3))
    with between(world.endpoint) as liar:
        world.endpoint, behind = liar.endpoint, world.endpoint

        def told(request: Request, code: int, body: bytes) -> Answer | None:
            if request.operation != "DescribeTable" or request.json["TableName"] != world.src("a") or code != 200:
                return None
            said = json.loads(body)
            said["Table"]["TableStatus"] = status
            return code, json.dumps(said).encode()

        liar.after = told
        done = runbook_here("run", world.config(), "--run-id", "r", "--only", "preflight")
        world.endpoint = behind
    assert done.returncode == 1, done.stdout + done.stderr
    assert status in (world.folder / "reports" / "r" / "report.md").read_text().replace("\\", "")
    assert world.record("r")["verdict"] == "FAIL"


@pytest.mark.parametrize("broken", ["[" * 100_000, '{"tables": 5}', "", '{"run_id": {"a": [1]}, "tables": [[]]}'])
@pytest.mark.few(1)
@pytest.mark.whole
def test_a_neighbour_whose_record_is_broken_keeps_no_run_from_its_place_in_the_index(world: World, broken: str) -> None:
    world.pair("a", things(3))
    neighbour = world.folder / "reports" / "neighbour"
    neighbour.mkdir(parents=True)
    (neighbour / "run.json").write_text(broken)
    done = runbook_here("run", world.config(), "--run-id", "r", "--only", "preflight")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = (world.folder / "reports" / "index.html").read_text().split("<tr")
    assert [row for row in rows if 'href="r/report.html"' in row]
    [row] = [row for row in rows if ">neighbour<" in row]
    assert "Its run.json cannot be read" in row


def torn(body: bytes) -> bytes:
    return body[:-5]


def with_a_tail(body: bytes) -> bytes:
    return body + b"garbage"


def with_half_a_member(body: bytes) -> bytes:
    return body + gzip.compress(b'{"Item":{"id":{"S":"b"}}}\n')[:-4]


def a_bomb(body: bytes) -> bytes:
    return gzip.compress(gzip.decompress(body) + b" " * (64 << 20))


DAMAGES: dict[Callable[[bytes], bytes], str] = {
    torn: "is not whole gzip",
    with_a_tail: "is not whole gzip",
    with_half_a_member: "is not whole gzip",
    a_bomb: "should end within 16 MB",
}


@pytest.mark.whole
def test_a_table_of_a_damaged_file_fails_whatever_the_manifests_say_of_it(world: World) -> None:
    """Each table has another damage, and its manifests name the MD5 of the damaged file."""
    for damage in DAMAGES:
        world.pair(damage.__name__, things(20))
    with between(world.endpoint) as liar:
        damaged = DamagedExports(world, {damage.__name__: damage for damage in DAMAGES})
        liar.after = damaged.told
        config = world.config(staging={"endpoint_url": liar.endpoint})
        done = runbook_here("run", config, "--run-id", "r", "--execute")
    assert done.returncode == 1, done.stdout + done.stderr
    assert damaged.given == damaged.files.keys()
    tables = {table["source"]: table for table in world.record("r")["tables"]}
    assert len(tables) == len(DAMAGES)
    for damage, says in DAMAGES.items():
        table = tables[world.src(damage.__name__)]
        assert table["verdict"] == "FAIL"
        assert says in " ".join(table["reasons"])
        held = world.items(world.target, world.dst(damage.__name__))
        assert len(held) == table["items_written"] < table["items_exported"]
    assert world.record("r")["verdict"] == "FAIL"


COUNT = "itemCount should be a count from 0 to"
LIES: dict[str, tuple[Callable[[dict[str, Any]], dict[str, Any]], str]] = {
    "as many as no table has": (lambda said: said | {"itemCount": 10**30}, COUNT),
    "fewer than none": (lambda said: said | {"itemCount": -1}, COUNT),
    "a truth value, which is equal to the one item": (lambda said: said | {"itemCount": True}, COUNT),
    "none said": (lambda said: {name: value for name, value in said.items() if name != "itemCount"}, COUNT),
    "of another table": (lambda said: said | {"tableArn": said["tableArn"] + "x"}, "is not of tableArn"),
    "of another export": (lambda said: said | {"exportArn": said["exportArn"][:-2] + "zz"}, "is not of the folder's"),
    "of changes": (lambda said: said | {"exportType": "INCREMENTAL_EXPORT"}, "expected a FULL_EXPORT"),
}


@pytest.mark.whole
def test_a_manifest_that_lies_is_a_bad_configuration_and_no_run(world: World) -> None:
    world.pair("a", things(1))
    first = runbook_here("run", world.config(), "--run-id", "first", "--execute")
    assert first.returncode == 0, first.stdout + first.stderr
    [table] = world.record("first")["tables"]
    world.target.delete_table(TableName=world.dst("a"))
    world.table(world.target, world.dst("a"))
    for number, (name, (lie, says)) in enumerate(LIES.items()):
        with between(world.endpoint) as liar:
            world.endpoint, behind = liar.endpoint, world.endpoint
            liar.after = _lying(lie)
            config = world.config(export={"reuse": {world.src("a"): table["export_arn"]}})
            done = runbook_here("run", config, "--run-id", f"r{number}", "--execute")
            world.endpoint = behind
        assert done.returncode == 2, (name, done.stdout + done.stderr)
        assert says in done.stderr, (name, done.stderr)
        assert not (world.folder / "reports" / f"r{number}").exists(), name
    assert world.items(world.target, world.dst("a")) == []


def _lying(lie: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Request, int, bytes], Answer | None]:
    """The summary of an export and its MD5, which agree with each other."""
    summaries: list[bytes] = []

    def told(request: Request, code: int, body: bytes) -> Answer | None:
        if request.method == "GET" and "manifest-summary.json" in request.path and code == 200:
            summaries.append(json.dumps(lie(json.loads(body))).encode())
            return code, summaries[-1]
        if request.method == "GET" and "manifest-summary.md5" in request.path and summaries:
            return code, md5_of(summaries[-1])
        return None

    return told
