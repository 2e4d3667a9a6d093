"""Answers that no honest server gives, by the command and over HTTP alone: sizes, lengths, counts, names, reasons."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.support.damaged_exports import DamagedExports
from tests.support.in_process import runbook_here
from tests.support.liar import RAW, Answer, Request, between
from tests.support.world import World, things


def head(body: bytes, *lines: bytes) -> bytes:
    """Up to the body, as DynamoDB and S3 have it."""
    known = (
        b"HTTP/1.1 200 OK",
        b"Content-Type: application/x-amz-json-1.0",
        b"Date: " + formatdate(usegmt=True).encode(),
        b'ETag: "' + hashlib.md5(body).hexdigest().encode() + b'"',
    )
    return b"".join(line + b"\r\n" for line in (*known, *lines, b""))


def chunked(body: bytes) -> bytes:
    return head(body, b"Transfer-Encoding: chunked")


END = b"\r\n0\r\n\r\n"
# A lenient reader would take the body out of most of them.
ODD: dict[str, Callable[[bytes], bytes]] = {
    "a negative chunk": lambda body: chunked(body) + b"-5\r\n" + body + END,
    "a negative chunk and the end": lambda body: chunked(body) + b"%x\r\n" % len(body) + body + b"\r\n-5\r\n" + END,
    "a chunk with a sign": lambda body: chunked(body) + b"+%x\r\n" % len(body) + body + END,
    "a chunk in Python's spelling": lambda body: chunked(body) + b"0x%x\r\n" % len(body) + body + END,
    "a huge chunk": lambda body: chunked(body) + b"7fffffffffffffff\r\n" + body + END,
    "a chunk longer than it says": lambda body: chunked(body) + b"%x\r\n" % len(body) + body + b" " + END,
    "no size": lambda body: chunked(body) + b"\r\n" + body + END,
    "a negative length": lambda body: head(body, b"Content-Length: -5") + body,
    "a length with a sign": lambda body: head(body, b"Content-Length: +%d" % len(body)) + body,
    "a huge length": lambda body: head(body, b"Content-Length: 999999999999") + body,
    "two lengths": lambda body: head(body, b"Content-Length: %d" % len(body), b"Content-Length: 2") + body,
}
# What would be a loss if it were believed: nobody has done it.
UNTRUE = {"BatchWriteItem": b'{"UnprocessedItems":{}}', "Scan": b'{"Count":0,"Items":[],"ScannedCount":0}'}


@dataclass
class Odd:
    """Every other answer to some operations is odd, until each shape was given once."""

    shapes: dict[str, dict[str, Callable[[bytes], bytes]]]
    asked: Counter[str] = field(default_factory=Counter)
    given: Counter[str] = field(default_factory=Counter)

    def instead(self, request: Request) -> Answer | None:
        body = UNTRUE.get(request.operation)
        return None if body is None else self._turn(request.operation, body)

    def after(self, request: Request, code: int, body: bytes) -> Answer | None:
        return None if code != 200 or request.operation in UNTRUE else self._turn(request.operation, body)

    def _turn(self, name: str, body: bytes) -> Answer | None:
        shapes = list(self.shapes.get(name, {}).values())
        self.asked[name] += 1
        turn, honest = divmod(self.asked[name] - 1, 2)
        if honest or turn >= len(shapes):
            return None
        self.given[name] += 1
        return RAW, shapes[turn](body)


@pytest.mark.whole
def test_an_answer_of_no_size_is_asked_for_again_and_nothing_of_it_is_believed(world: World) -> None:
    world.pair("a", things(250))
    world.pair("b", things(3))
    odd = Odd({"BatchWriteItem": ODD, "Scan": ODD, "DescribeTable": ODD})
    with between(world.endpoint) as liar:
        config = world.config()
        config.write_text(config.read_text().replace(world.endpoint, liar.endpoint))
        liar.instead, liar.after = odd.instead, odd.after
        done = runbook_here("run", config, "--run-id", "r", "--execute")
    assert done.returncode == 0, done.stdout + done.stderr
    assert odd.given == {name: len(shapes) for name, shapes in odd.shapes.items()}
    held = sorted(world.items(world.target, world.dst("a")), key=lambda item: str(item["id"]["S"]))
    assert held == things(250)


@pytest.mark.whole
def test_a_count_that_no_table_has_is_named_and_fails_its_table(world: World) -> None:
    huge = 10**30
    described = {world.src("a"): "ItemCount", world.src("b"): "TableSizeBytes", world.dst("c"): "ItemCount"}
    exported = {world.src("d"): "ItemCount", world.src("e"): "BilledSizeBytes"}

    def after(request: Request, code: int, body: bytes) -> Answer | None:
        operation, said = request.operation, json.loads(body) if request.operation and code == 200 else {}
        if operation == "DescribeTable" and "Table" in said and (member := described.get(said["Table"]["TableName"])):
            return code, json.dumps({"Table": said["Table"] | {member: huge}}).encode()
        if operation == "DescribeExport" and "ExportDescription" in said:
            name = said["ExportDescription"]["TableArn"].rpartition("/")[2]
            more = {exported[name]: huge} if name in exported else {}
            return code, json.dumps({"ExportDescription": said["ExportDescription"] | more}).encode()
        return None

    for name in "abcde":
        world.pair(name, things(5))
    with between(world.endpoint) as liar:
        liar.after = after
        records: dict[str, Any] = {}
        for chosen in ("[abc]", "[de]"):
            config = world.config(tables={"include": [world.src(chosen)]})
            config.write_text(config.read_text().replace(world.endpoint, liar.endpoint))
            done = runbook_here("run", config, "--run-id", f"r{len(records)}", "--execute")
            assert done.returncode == 1, done.stdout + done.stderr
            records[chosen] = world.record(f"r{len(records)}")
    for name, member in described.items():
        says = rf"{name} should say what the table is, and does not say all that it should \({member} should be a whole"
        assert re.search(says, records["[abc]"]["reasons"][0]), (name, records["[abc]"]["reasons"])
    for name, member in exported.items():
        [table] = [table for table in records["[de]"]["tables"] if table["source"] == name]
        assert f"{member} should be a whole number" in " ".join(table["reasons"]), table["reasons"]
    assert not any(world.items(world.target, world.dst(name)) for name in "abcde")


def run_named(world: World, name: str) -> CompletedProcess[str]:
    """A run of a table that a server lists by such a name, as JSON spells it; one line of its export is no item."""
    world.pair("a", things(12))
    real, spelled = world.src("a").encode(), name.encode()

    def renamed(body: bytes) -> bytes:
        return body.replace(real, spelled)

    def with_no_item(body: bytes) -> bytes:
        return gzip.compress(b"{}\n" + b"".join(gzip.decompress(body).splitlines(True)[1:]))

    exports = DamagedExports(world, files={"a": with_no_item}, summaries={"a": renamed})
    with between(world.endpoint) as liar:
        liar.rewrite = lambda request: request.body.replace(spelled, real)
        liar.after = lambda request, code, body: (
            (code, renamed(body)) if request.operation else exports.told(request, code, body)
        )
        config = world.config(tables={"include": ["*victim"], "rename": {"pattern": ".*victim", "to": world.dst("a")}})
        config.write_text(config.read_text().replace(world.endpoint, liar.endpoint))
        return runbook_here("run", config, "--run-id", "r", "--execute")


@pytest.mark.whole
def test_a_name_that_leads_elsewhere_names_no_file_outside_of_the_run(world: World) -> None:
    reports = world.folder / "reports"
    for place in (reports, world.folder):
        place.mkdir(exist_ok=True)
        (place / "victim.jsonl").write_text("x")
    done = run_named(world, "../../victim")
    assert done.returncode == 1, done.stdout + done.stderr
    [table] = world.record("r")["tables"]
    assert (table["source"], table["items_written"], table["items_quarantined"]) == ("../../victim", 11, 1)
    [file] = (reports / "r" / "quarantine").iterdir()
    assert json.loads(file.read_text())["table"] == "../../victim"
    assert {path.name for path in reports.iterdir()} == {"r", "index.html", ".index.lock", "victim.jsonl"}
    assert {path.name for path in world.folder.iterdir() if path.suffix != ".yaml"} == {
        "reports", "state", "victim.jsonl",
    }  # fmt: skip
    assert (reports / "victim.jsonl").read_text() == (world.folder / "victim.jsonl").read_text() == "x"


@pytest.mark.whole
def test_a_name_that_is_no_text_is_a_fail_and_the_folder_is_sealed(world: World) -> None:
    """Half of a pair of surrogates, which UTF-8 and SQLite cannot hold."""
    done = run_named(world, r"\ud800victim")
    assert done.returncode == 1, done.stdout + done.stderr
    [table] = world.record("r")["tables"]
    assert (table["source"], table["items_written"]) == (r"\ud800victim", None)
    assert r"\ud800victim: not exported" in " ".join(world.record("r")["reasons"])
    assert r"ud800victim" in (world.folder / "reports" / "index.html").read_text() + done.stdout
    verified = runbook_here("verify", world.folder / "reports" / "r")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert world.items(world.target, world.dst("a")) == []


@pytest.mark.whole
def test_a_reason_that_is_no_text_is_recorded_and_the_folder_is_sealed(world: World) -> None:
    world.pair("a", things(30))
    refused = b'{"__type":"com.amazonaws.dynamodb.v20120810#ValidationException","message":"no \\ud800 \\u0000 such"}'

    def instead(request: Request) -> Answer | None:
        wanted = request.operation == "GetResourcePolicy" or b'"i00003"' in request.body
        return (400, refused) if wanted and request.operation else None

    with between(world.endpoint) as liar:
        config = world.config()
        config.write_text(config.read_text().replace(world.endpoint, liar.endpoint))
        liar.instead = instead
        done = runbook_here("run", config, "--run-id", "r", "--execute")
    assert done.returncode == 1, done.stdout + done.stderr
    [table] = world.record("r")["tables"]
    assert (table["items_written"], table["items_quarantined"]) == (29, 1)
    folder = world.folder / "reports" / "r"
    [file] = (folder / "quarantine").iterdir()
    assert json.loads(file.read_text())["reason"] == "no ... \0 such"
    verified = runbook_here("verify", folder)
    assert verified.returncode == 0, verified.stdout + verified.stderr
