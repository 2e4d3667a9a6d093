"""Key hashes are keyed with the run's secret wherever they are written, and the secret stands in no file of the run."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runbook_lib.cluster.protocol import UnitContext
from runbook_lib.config.model import load_config
from runbook_lib.export_format.manifest import DataFile
from runbook_lib.items.canonical import canonical_json, digest
from runbook_lib.items.keyed import RunSecret
from runbook_lib.load.distributed.worker import FileUnit
from runbook_lib.preflight.step import preflight
from runbook_lib.report.publish import publish
from runbook_lib.run.run import Run
from runbook_lib.run.secret import state_folder
from runbook_lib.validate.distributed import FilesUnit, SegmentUnit
from tests.support.recorded import export_tables, import_tables, validate_tables
from tests.support.world import World, indexed_by, things

KEYS = [{"id": {"S": f"i{n:05}"}} for n in range(12)] + [{"id": {"S": "refused"}}, {"id": {"S": "intruder"}}]


def spoilt(world: World, run_id: str = "r", lose: bool = False, **changes: Any) -> Run:
    """A run with an item in quarantine and one of each kind of difference; its secret may be lost half-way."""
    world.table(world.source, world.src("a"))
    world.table(world.target, world.dst("a"), **indexed_by("owner", "S"))
    world.put(world.source, world.src("a"), [*things(12), {"id": {"S": "refused"}, "owner": {"N": "5"}}])
    run = world.open(run_id, **changes)
    preflight(run)
    export_tables(run)
    import_tables(run)
    if lose:
        secret_file(run_id).unlink()
        run.ledger.close()
        run = world.open(run_id, **changes)
    table = world.dst("a")
    world.target.delete_item(TableName=table, Key=KEYS[3])
    world.put(world.target, table, [KEYS[5] | {"n": {"N": "-5"}}, {"id": {"S": "intruder"}}])
    validate_tables(run)
    publish(run.folder, run.ledger, run.id, "test")
    return run


def secret_file(run_id: str) -> Path:
    folder = state_folder()
    assert folder is not None
    return folder / run_id


def written(run: Run) -> Iterator[tuple[str, bytes]]:
    """Every file of the run's folder, and whatever stands beside it."""
    run.ledger.settle()
    for file in run.folder.parent.rglob("*"):
        if file.is_file():
            yield file.name, file.read_bytes()


def spellings(secret: RunSecret) -> list[bytes]:
    raw = secret.value
    return [
        raw,
        raw[:12],
        raw.hex().encode(),
        raw.hex().upper().encode(),
        base64.b64encode(raw)[:-2],
        repr(raw).encode(),
    ]


def kinds(run: Run) -> list[tuple[str, str]]:
    lines = (run.folder / "differences.jsonl").read_text(encoding="utf-8").splitlines()
    return sorted((row["kind"], row["key_hash"]) for row in map(json.loads, lines))


def expected(secret: RunSecret) -> list[tuple[str, str]]:
    found = {"missing": KEYS[3], "different": KEYS[5], "extra": KEYS[-1], "quarantined": KEYS[-2]}
    return sorted((kind, secret.key_hash(canonical_json(key))) for kind, key in found.items())


@pytest.mark.parametrize("engine", [{"kind": "local"}, {"kind": "dask", "workers": 1}], ids=["threads", "dask"])
@pytest.mark.whole
@pytest.mark.few(1)
def test_no_file_of_a_run_holds_its_secret_or_a_plain_digest_of_a_key(
    world: World, engine: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    run = spoilt(world, engine=engine)
    assert kinds(run) == expected(run.secret)
    (line,) = (run.folder / "quarantine" / f"{world.src('a')}.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["key_hash"] == run.secret.key_hash(canonical_json(KEYS[-2]))
    contents = dict(written(run))
    assert {"run.json", "report.html", "report.md", "ledger.sqlite", "differences.jsonl"} <= set(contents)
    plain = [spelled for key in KEYS for spelled in (digest(key), digest(key).hex().encode())]
    out = capfd.readouterr()
    contents |= {"output": out.out.encode(), "errors": out.err.encode()}
    for name, content in contents.items():
        assert not [s for s in (*spellings(run.secret), *plain) if s in content], name
    assert secret_file("r").read_text(encoding="ascii").split() == [run.secret.value.hex()]


@pytest.mark.chaos
def test_a_run_that_lost_its_secret_knows_its_quarantine_by_file_and_line(world: World) -> None:
    run = spoilt(world, lose=True)
    assert kinds(run) == expected(run.secret)
    (row,) = run.ledger.rows("SELECT key_hash FROM quarantine")
    assert row["key_hash"] != run.secret.key_hash(canonical_json(KEYS[-2]))  # of the lost one


def test_what_a_worker_is_handed_shows_no_secret_in_a_log(world: World) -> None:
    secret = RunSecret.new()
    site = UnitContext(load_config(str(world.config())), ["us-east-2", "111122223333"])
    file = DataFile(0, "k", "md5", 1)
    units = [
        FileUnit("a 0", site, "b", file, "t", (), secret),
        FilesUnit(site, "b", (file,), (), {}, secret),
        SegmentUnit(site, "t", 0, 1, None, (), secret),
    ]
    for unit in units:
        assert not [s for s in spellings(secret) if s in repr(unit).encode()]
        assert unit.secret == secret
