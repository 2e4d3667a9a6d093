"""What names an attribute twice is no proof, in an export or in what the target answers: by the command, over HTTP."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import pytest

from tests.support.in_process import runbook_here
from tests.support.liar import Answer, Request, between
from tests.support.world import World

# At the end of an item, whose last attribute it is: the key, another attribute, a member of a map.
TAILS = {
    "key": (b'"what":{"S":"key"}}', b'"what":{"S":"key"},"id":{"S":"other"}}'),
    "plain": (b'"what":{"S":"plain"}}', b'"what":{"S":"plain"},"what":{"S":"plain "}}'),
    "deep": (b'"what":{"M":{"deep":{"N":"1"}}}', b'"what":{"M":{"deep":{"N":"1"},"deep":{"N":"2"}}}'),
}
WHATS: dict[str, Any] = {"key": {"S": "key"}, "plain": {"S": "plain"}, "deep": {"M": {"deep": {"N": "1"}}}}


def md5_of(body: bytes) -> bytes:
    return base64.b64encode(hashlib.md5(body).digest())


@dataclass
class Exports:
    """Gives the data files of all exports other lines, and lets their manifests agree with that."""

    world: World
    change: Callable[[bytes], bytes]
    bodies: dict[str, bytes] = field(default_factory=dict)

    def told(self, request: Request, code: int, body: bytes) -> Answer | None:
        key = unquote(request.path.partition("?")[0].removeprefix(f"/{self.world.bucket}/"))
        if request.method != "GET" or code != 200 or "AWSDynamoDB" not in key:
            return None
        if key.endswith("manifest-files.json"):
            self.bodies[key] = b"\n".join(map(self._entry, body.splitlines()))
        if key.endswith("manifest-files.md5"):
            return code, md5_of(self.bodies[key.replace(".md5", ".json")])
        return (code, self.bodies[key]) if key in self.bodies else None

    def _entry(self, line: bytes) -> bytes:
        entry = json.loads(line)
        key = entry["dataFileS3Key"]
        held = gzip.decompress(self.world.s3.get_object(Bucket=self.world.bucket, Key=key)["Body"].read())
        self.bodies[key] = gzip.compress(self.change(held))
        entry["md5Checksum"] = md5_of(self.bodies[key]).decode()
        return json.dumps(entry).encode()


def doubled(text: bytes) -> bytes:
    for clean, twice in TAILS.values():
        text = text.replace(clean, twice)
    return text


@pytest.fixture
def tables(world: World) -> World:
    for name, what in WHATS.items():
        others = [{"id": {"S": f"{name}{n}"}, "what": {"S": "fine"}} for n in range(30)]
        world.pair(name, [*others, {"id": {"S": "it"}, "what": what}])
    return world


def run_through(
    world: World, told: Callable[[Request, int, bytes], Answer | None], **settings: Any
) -> tuple[int, dict[str, Any]]:
    """The exit code of a run, and its record, with a liar between it and AWS."""
    with between(world.endpoint) as liar:
        world.endpoint, behind = liar.endpoint, world.endpoint
        liar.after = told
        done = runbook_here("run", world.config(**settings), "--run-id", "r", "--execute")
        world.endpoint = behind
    return done.returncode, world.record("r")


@pytest.mark.whole
@pytest.mark.parametrize("mode", ["overwrite", "append"])
@pytest.mark.few(1)
def test_a_line_of_an_export_that_names_an_attribute_twice_never_passes(tables: World, mode: str) -> None:
    code, record = run_through(tables, Exports(tables, doubled).told, **{"import": {"on_non_empty": mode}})
    by_source = {table["source"]: table for table in record["tables"]}
    assert code == 1
    assert record["verdict"] == "FAIL"
    for name in WHATS:
        table = by_source[tables.src(name)]
        said = " ".join(table["reasons"])
        assert table["verdict"] == "FAIL", name
        held = {item["id"]["S"] for item in tables.items(tables.target, tables.dst(name))}
        assert held >= {f"{name}{n}" for n in range(30)}
        assert "other" not in held
        if name == "key" or mode == "append":
            assert table["items_quarantined"] == 1, said
            assert "it" not in held
        else:
            assert "names a member of an object twice" in said


@pytest.mark.whole
def test_an_item_of_the_target_that_names_an_attribute_twice_never_passes(tables: World) -> None:
    def told(request: Request, code: int, body: bytes) -> Answer | None:
        of_target = request.operation == "Scan" and request.json["TableName"] in map(tables.dst, WHATS)
        return (code, doubled(body)) if of_target else None

    code, record = run_through(tables, told)
    assert code == 1
    assert record["verdict"] == "FAIL"
    for table in record["tables"]:
        assert table["verdict"] == "FAIL"
        assert "names a member of an object twice" in " ".join(table["reasons"])
