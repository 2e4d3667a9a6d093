"""What a chain of exports, or the source of one, may be like: each has its name, and nothing is written anywhere."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from runbook_lib.errors import GateFailed
from runbook_lib.notebook.gates import gate_plan
from runbook_lib.preflight.step import preflight
from tests.support.chains import chain_of, edit_summary
from tests.support.in_process import runbook_here
from tests.support.liar import Between, Request, between
from tests.support.moving import item, moved
from tests.support.world import World

FILTER = {"FilterExpression": "n > :n", "ExpressionAttributeValues": {":n": {"N": "1"}}}


@pytest.fixture
def liar(world: World) -> Iterator[Between]:
    with between(world.endpoint) as lying:
        yield lying


@dataclass
class Chain:
    """A full export and two windows that lie in a bucket, as somebody hands them over."""

    world: World
    liar: Between
    exports: list[str]

    def said(self, number: int) -> dict[str, Any]:
        """The summary of an export."""
        key = self.exports[number].split("/", 3)[3] + "manifest-summary.json"
        found: dict[str, Any] = json.loads(self.world.s3.get_object(Bucket=self.world.bucket, Key=key)["Body"].read())
        return found

    def move(self, number: int, **seconds: float) -> None:
        """Let an export be of other moments, in its manifest and for DescribeExport alike."""
        told = self.said(number)
        members = {"start": "exportFromTime", "end": "exportToTime"}
        moments = {
            members[end]: datetime.fromisoformat(told[members[end]]) + timedelta(seconds=more)
            for end, more in seconds.items()
        }
        shown = {
            name: moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") for name, moment in moments.items()
        }
        edit_summary(self.world, self.exports[number], **shown)
        spelled = {name[0].upper() + name[1:]: moment.timestamp() for name, moment in moments.items()}
        self.describe(number, lambda about: about["IncrementalExportSpecification"].update(spelled))

    def describe(self, number: int, change: Callable[[dict[str, Any]], None]) -> None:
        """Let DescribeExport say something else of one export."""
        arn, before = self.said(number)["exportArn"], self.liar.after

        def after(request: Request, status: int, body: bytes) -> Any:
            if request.operation != "DescribeExport" or status != 200 or request.json["ExportArn"] != arn:
                return before(request, status, body)
            data = json.loads(body)
            change(data["ExportDescription"])
            return status, json.dumps(data).encode()

        self.liar.after = after


def too_short(chain: Chain) -> None:
    chain.move(1, end=-1)
    chain.move(2, start=-1)


def too_long(chain: Chain) -> None:
    chain.move(2, end=24 * 3600)


def a_second_of_gap(chain: Chain) -> None:
    chain.move(2, start=1)


def a_second_of_overlap(chain: Chain) -> None:
    chain.move(2, start=-1)


def a_fraction(chain: Chain) -> None:
    chain.move(1, end=0.5)
    chain.move(2, start=0.5)


def other_table(chain: Chain) -> None:
    edit_summary(chain.world, chain.exports[1], tableId="00000000-0000-4000-8000-000000000000")
    chain.describe(1, lambda about: about.update(TableId="00000000-0000-4000-8000-000000000000"))


def other_view(chain: Chain) -> None:
    edit_summary(chain.world, chain.exports[1], outputView="KEYS_ONLY")
    chain.describe(1, lambda about: about["IncrementalExportSpecification"].update(ExportViewType="KEYS_ONLY"))


def filtered_window(chain: Chain) -> None:
    chain.describe(2, lambda about: about.update(FilterSpecification=FILTER))


def filtered_full(chain: Chain) -> None:
    chain.describe(0, lambda about: about.update(FilterSpecification=FILTER))


def unfinished(chain: Chain) -> None:
    chain.describe(2, lambda about: about.update(ExportStatus="IN_PROGRESS"))


def other_items(chain: Chain) -> None:
    chain.describe(1, lambda about: about.update(ItemCount=1))


BEFORE_A_RUN: tuple[tuple[Callable[[Chain], None], str], ...] = (
    (too_short, "TOO_SHORT"), (too_long, "TOO_LONG"), (a_second_of_gap, "GAP"), (a_second_of_overlap, "OVERLAP"),
    (a_fraction, "FRACTION"), (other_table, "should be of a table with the id|OTHER_TABLE"),
    (other_view, "OTHER_VIEW|view"),
    (filtered_window, "FilterSpecification"), (filtered_full, "FilterSpecification"), (unfinished, "IN_PROGRESS"),
    (other_items, "number of items 1"),
)  # fmt: skip


@pytest.mark.parametrize(("spoil", "named"), BEFORE_A_RUN, ids=[spoil.__name__ for spoil, _ in BEFORE_A_RUN])
@pytest.mark.few(1)
@pytest.mark.whole
def test_a_chain_that_is_none_is_refused_by_name_before_there_is_a_run(
    world: World, liar: Between, spoil: Callable[[Chain], None], named: str
) -> None:
    exports, _, _ = chain_of(world, 0)
    spoil(Chain(world, liar, exports))
    config = world.config(source={"endpoint_url": liar.endpoint}, export={"reuse": {world.src("a"): exports}})
    before = world.requests("BatchWriteItem")
    done = runbook_here("run", config, "--run-id", "r", "--execute")
    told = done.stdout + done.stderr
    assert done.returncode == 2, told
    assert any(name in told for name in named.split("|")), told
    assert not (world.folder / "reports" / "r").exists()
    assert world.requests("BatchWriteItem") == before
    assert world.items(world.target, world.dst("a")) == []


@pytest.mark.chaos
def test_foreign_files_in_the_shared_folder_of_data_are_no_part_of_any_export(world: World) -> None:
    exports, _, held = chain_of(world, 0)
    folder = exports[1].split("/", 3)[3].rstrip("/").rpartition("/")[0] + "/data"
    assert any(key.startswith(folder) for key in _keys(world))
    line = b'{"Metadata":{"WriteTimestampMicros":{"N":"1"}},"Keys":{"pk":{"S":"x"},"sk":{"S":"x"}}}\n'
    world.put_object(f"{folder}/foreign.json.gz", gzip.compress(line))
    world.put_object(f"{folder}/notes.txt", b"somebody's")
    config = world.config(
        export={"reuse": {world.src("a"): exports}}, catch_up={"quiet_seconds": 0}
    )  # fmt: skip
    done = runbook_here("run", config, "--run-id", "r", "--execute")
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(map(str, world.items(world.target, world.dst("a")))) == sorted(map(str, held))


@pytest.mark.whole
def test_a_manifest_that_names_files_of_another_window_is_refused_and_nothing_of_it_written(
    world: World, liar: Between
) -> None:
    """Both windows keep their data in one folder: a key of the other's is one edit away, and its MD5 is right."""
    exports, _, _ = chain_of(world, 0)
    chain = Chain(world, liar, exports)
    first, second = (export.split("/", 3)[3] + "manifest-files.json" for export in exports[1:])
    world.put_object(first, world.s3.get_object(Bucket=world.bucket, Key=second)["Body"].read())
    world.s3.delete_object(Bucket=world.bucket, Key=first.replace(".json", ".md5"))
    items = chain.said(2)["itemCount"]
    edit_summary(world, exports[1], itemCount=items)
    chain.describe(1, lambda about: about.update(ItemCount=items))
    config = world.config(source={"endpoint_url": liar.endpoint}, export={"reuse": {world.src("a"): exports}})
    done = runbook_here("run", config, "--run-id", "r", "--execute")
    assert done.returncode == 1
    record = world.record("r")
    assert "OUTSIDE_WINDOW" in " ".join(record["reasons"])
    assert not any(window["acknowledged"] for window in record["windows"])
    assert len(world.items(world.target, world.dst("a"))) == 3  # those of the full export


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_an_hour_off_blocks_before_anything_is_exported_or_written(world: World, hours: int) -> None:
    exports, _, _ = chain_of(world, 0)
    run = world.open(export={"reuse": {world.src("a"): exports}})
    run.now = lambda: datetime.now(UTC) + timedelta(hours=hours)
    plan = preflight(run)
    assert [check.status for check in plan.checks if check.id == "clock"] == ["blocker"]
    with pytest.raises(GateFailed, match="clock"):
        gate_plan(run, plan)
    assert world.items(world.target, world.dst("a")) == []


@pytest.mark.parametrize("hours", [-1, 1])
@pytest.mark.chaos
def test_windows_go_by_the_sources_clock_alone(world: World, hours: int) -> None:
    moving = moved(world)
    moving.run.now = lambda: datetime.now(UTC) + timedelta(hours=hours)
    moving.write(item("new", 1))
    moving.minutes(20)
    moving.catch_up()
    assert moving.target() == moving.source()


def _keys(world: World) -> list[str]:
    return [row["Key"] for row in world.s3.list_objects_v2(Bucket=world.bucket)["Contents"]]
