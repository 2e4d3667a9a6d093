"""Law 8: nothing in a run's folder holds what an item holds, but keys where the configuration allows them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import pytest

from runbook_lib.commands.output import conclude
from runbook_lib.errors import CorruptFile
from runbook_lib.export_format.writer import (
    ExportIdentity,
    ExportWriter,
    data_file_name,
    export_folder,
    new_export_id,
)
from runbook_lib.headless.runner import Request, run_notebooks
from runbook_lib.items.canonical import digest
from runbook_lib.items.keys import KeyAttribute, key_of
from runbook_lib.items.redact import without_values
from runbook_lib.preflight.step import preflight
from runbook_lib.report.publish import publish
from runbook_lib.run.run import open_run
from tests.support.markers import KEY, KEY_NUMBER, KEYS, NUMBER, VALUE, VALUES, marked
from tests.support.recorded import export_tables, import_tables
from tests.support.world import World, indexed_by


def keyed(n: int) -> dict[str, Any]:
    """An item whose key is binary and a number."""
    return marked(n, hash={"B": KEY.encode() + b"%d" % n}, range={"N": f"{KEY_NUMBER}{n}"}, id={"S": VALUE})


def estate(world: World) -> dict[str, str]:
    """Tables that are to be spoilt, one with an item the target refuses, one that is scanned, one with unfit lines.

    Returns the settings of export.reuse.
    """
    world.pair("spoilt", [marked(n) for n in range(60)], **indexed_by("s", "S"))
    world.pair(
        "keyed", [keyed(n) for n in range(20)], BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "hash", "KeyType": "HASH"}, {"AttributeName": "range", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "hash", "AttributeType": "B"}, {"AttributeName": "range", "AttributeType": "N"}
        ],
    )  # fmt: skip
    world.table(world.source, world.src("refused"))
    world.table(world.target, world.dst("refused"), **indexed_by("s", "N"))  # the items hold text there
    world.source.update_continuous_backups(
        TableName=world.src("refused"), PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    allowed = [marked(n, s={"N": f"{NUMBER}{n}"}) for n in range(20)]
    world.put(world.source, world.src("refused"), [*allowed, marked(99)])
    world.pair("scanned", [marked(n) for n in range(20)], pitr=False)
    world.pair("unfit")
    return {world.src("unfit"): export_of(world, world.src("unfit"), unfit())}


def unfit() -> Iterable[bytes]:
    """Lines that no DynamoDB wrote: what refuses them, here or in the target, could say what stands in them."""
    text, other = f'{{"S":"{VALUE}"}}', f"{VALUE}-2"
    yield f'{{"id":{{"S":"{KEY}-1"}},"s":{text}}}'.encode()
    yield f'{{"id":{{"S":"{KEY}-2"}},"s":{{"SS":["{other}","{other}"]}}}}'.encode()  # "Input collection [...]"
    yield f'{{"id":{{"S":"{KEY}-3"}},"n":{{"N":"{VALUE}"}}}}'.encode()  # "... to a numeric value: ..."
    yield f'{{"id":{{"S":"{KEY}-4"}},"s":{text},{VALUE} not JSON'.encode()
    yield f'{{"id":{{"N":"{KEY_NUMBER}"}},"s":{text}}}'.encode()  # a key of another type
    yield f'{{"id":"{KEY}","s":{text}}}'.encode()  # a key of no type
    yield f'{{"s":{text}}}'.encode()


def export_of(world: World, table: str, lines: Iterable[bytes]) -> str:
    """An export of a table with these lines for items; returns where it lies."""
    now = datetime.now(UTC)
    found = world.source.describe_table(TableName=table)["Table"]
    export_id = new_export_id(now, "0" * 8)
    arn = found["TableArn"]
    identity = ExportIdentity(
        f"{arn}/export/{export_id}", arn, found["TableId"], world.bucket, "unfit", export_id, now, now, "AES256", None
    )

    def put(key: str, body: IO[bytes]) -> None:
        world.put_object(key, body.read())

    writer = ExportWriter(put, identity)
    writer.start()
    writer.add_file(lines, data_file_name(b"unfit"))
    writer.finish(now)
    return f"s3://{world.bucket}/{export_folder('unfit', export_id)}"


def spoil(world: World) -> None:
    """Lose, change and add items, so that each kind of difference is reported, and indexes answer wrongly."""
    table = world.dst("spoilt")
    world.target.delete_item(TableName=table, Key={"id": {"S": f"{KEY}-1"}})
    changed = marked(2) | {"n": {"N": f"{NUMBER}7"}, "ss": {"SS": [f"{VALUE}-c"]}, "m": {"M": {"deep": {"S": VALUE}}}}
    world.put(world.target, table, [changed, marked(777)])
    lost = {name: value for name, value in keyed(3).items() if name in ("hash", "range")}
    world.target.delete_item(TableName=world.dst("keyed"), Key=lost)
    world.put(world.source, world.src("spoilt"), [marked(778)])  # what the drift view finds


def found(folder: Path, markers: tuple[bytes, ...]) -> dict[str, list[bytes]]:
    """Each file that holds one of the markers, and which."""
    files = {f.relative_to(folder).as_posix(): f.read_bytes() for f in folder.rglob("*") if f.is_file()}
    assert {"run.json", "report.html", "report.md", "ledger.sqlite", "migration.yaml"} <= set(files)
    return {name: held for name, data in files.items() if (held := [m for m in markers if m in data])}


@pytest.mark.whole
@pytest.mark.parametrize("shown", ["hash", pytest.param("full", marks=pytest.mark.chaos)])
def test_no_file_of_a_run_holds_what_items_hold(world: World, shown: str, capfd: pytest.CaptureFixture[str]) -> None:
    config = world.config(
        export={"reuse": estate(world)}, validate={"canary": True, "drift": True, "index_samples": 200},
        report={"show_keys": shown}, parity={"accept": ["global indexes"]},
    )  # fmt: skip
    folder = world.folder / "reports" / "m"

    request = Request(config, "m", execute=True, before={"validate": lambda: spoil(world)})
    said: list[str] = []
    assert conclude(run_notebooks(request, said.append)) == 1
    assert [line for line in said if re.fullmatch(r"import +done after .* s: 121 written, 7 in quarantine", line)]
    said += capfd.readouterr()
    assert [m for m in (*VALUES, *KEYS) if m in "".join(said).encode()] == []
    tables = {t["source"]: t for t in world.record("m")["tables"]}
    kinds = {kind: tables[world.src("spoilt")][kind] for kind in ("missing", "different", "extra")}
    assert kinds == {"missing": 1, "different": 1, "extra": 1}
    assert tables[world.src("keyed")]["missing"] == 1
    assert tables[world.src("spoilt")]["indexes"][0]["wrong_keys"]
    assert tables[world.src("spoilt")]["drift"]["only_in_source"]
    assert {name: t["items_quarantined"] for name, t in tables.items() if t["items_quarantined"]} == {
        world.src("refused"): 1, world.src("unfit"): 6,
    }  # fmt: skip
    assert found(folder, VALUES) == {}
    secret = Path(os.environ["XDG_STATE_HOME"], "runbook", "m").read_text(encoding="ascii").strip()
    assert found(folder, (secret.encode(), bytes.fromhex(secret))) == {}
    assert {"00_preflight.ipynb", "20_import.ipynb", "30_validate.ipynb", "kernel.log"} <= {
        f.name for f in folder.iterdir()
    }
    keys = found(folder, KEYS)
    assert bool(keys) == (shown == "full"), keys
    lists = {"differences.jsonl", "ledger.sqlite", "report.html", "report.md", "run.json", "30_validate.ipynb"}
    assert set(keys) <= lists


@pytest.mark.chaos
@pytest.mark.parametrize("by", ["library", pytest.param("notebooks", marks=pytest.mark.chaos)])
def test_a_dry_run_over_the_same_items_keeps_none_of_them_and_no_key(world: World, by: str) -> None:
    config, folder = world.config(export={"reuse": estate(world)}), world.folder / "reports" / "m"
    if by == "notebooks":
        done = world.runbook("run", config, "--run-id", "m")
        assert done.returncode == 1, done.stdout + done.stderr
        assert [m for m in (*VALUES, *KEYS) if m in (done.stdout + done.stderr).encode()] == []
    else:
        run = open_run(str(config), "m")
        for step in (preflight, export_tables, import_tables):
            step(run)
        publish(folder, run.ledger, run.id, "test", interrupted=False)
        run.ledger.close()
    assert sum(fact["items"] for fact in world.record("m")["measured"].values()) > 100
    assert found(folder, (*VALUES, *KEYS)) == {}


def test_what_a_server_says_is_kept_without_what_the_item_holds() -> None:
    line = b'{"Item":{"id":{"S":"u1"},"tags":{"SS":["ab","ab"]},"name":{"M":{"first":{"S":"Grace Hopper"}}}}}'
    refused = "One or more parameter values were invalid: Input collection [ab, ab] contains duplicates."
    assert without_values(refused, line) == refused.replace("ab, ab", "...")
    assert without_values("cannot be converted to a numeric value: x1", line).endswith("numeric value: ...")
    assert without_values("Type mismatch for Index Key name of Grace Hopper", line).endswith("Key name of ...")
    for nothing_of_it in ("Item size has exceeded the maximum allowed size", "Type mismatch for Index Key name"):
        assert without_values(nothing_of_it, line) == nothing_of_it
    assert without_values(refused, b"no JSON") == refused.replace("ab, ab", "...")


@pytest.mark.parametrize("value", ['"secret"', '{"secret":1}', '[{"secret":1}]', "{}"])
def test_a_line_of_no_known_type_is_refused_without_its_contents(value: str) -> None:
    item = {"id": json.loads(value)}
    for look in (lambda: key_of(item, [KeyAttribute("id", "S", "HASH")]), lambda: digest(item)):
        with pytest.raises(CorruptFile) as refused:
            look()
        assert "secret" not in str(refused.value)
        assert "s/e/c" not in str(refused.value)
