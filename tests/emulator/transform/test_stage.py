"""The stage by itself: killed anywhere it goes on, rules and key decide what it makes, a cleanup takes it away."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runbook_lib.preflight.step import preflight
from runbook_lib.run.facts.masking.transform import TRANSFORMS, TransformStatus, files_transformed
from runbook_lib.run.run import Run, open_run
from runbook_lib.transform.step import transform_tables
from runbook_lib.undo.cleanup import clean_up
from tests.support.made import derived_lines
from tests.support.masks import KEY_NAME, MASK_KEY, email_rule, keep_rule, mask, people
from tests.support.recorded import export_tables, import_tables, validate_tables
from tests.support.tables import keys_in_bucket
from tests.support.world import World

# A life of the stage that kills itself the n-th time that something happens.
LIFE = """
import os, signal, sys
from runbook_lib.run.run import open_run
from runbook_lib.transform import derived, step
config, moment, left = sys.argv[1], sys.argv[2], int(sys.argv[3])
def happens(what):
    global left
    left -= what == moment
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
put = derived.put_object
def then_die(client, bucket, key, *rest):
    put(client, bucket, key, *rest)
    happens("put of " + ("data" if "/data/" in key else "the rest"))
derived.put_object = then_die
run = open_run(config, "r", execute=True)
step.transform_tables(run, lambda table, state, done, of: happens(state))
"""
MOMENTS = [
    ("put of the rest", 1), ("transforming", 1), ("put of data", 1), ("transforming", 2), ("looking at keys", 1),
    ("put of the rest", 2), ("put of the rest", 4),
]  # fmt: skip


@pytest.fixture(autouse=True)
def mask_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_NAME, MASK_KEY)


def exported(config: Path, run_id: str = "r", *, execute: bool = True) -> Run:
    run = open_run(str(config), run_id, execute)
    assert preflight(run).blockers == ()
    export_tables(run)
    return run


def masking(world: World, **more: Any) -> Path:
    keep = {"keep": "n < :most", "values": {":most": 190}}
    return world.config(transform=mask(email_rule(), keep_rule("n"), filter=keep), **more)


@pytest.mark.chaos
def test_killed_anywhere_it_goes_on_and_every_file_adds_up(world: World) -> None:
    world.pair("a", people(200))
    config = masking(world)
    run = exported(config)
    known: dict[str, str] = {}
    run.ledger.close()
    for moment, nth in MOMENTS:
        life = [sys.executable, "-c", LIFE, str(config), moment, str(nth)]
        died = subprocess.run(life, env=os.environ, capture_output=True, check=False)
        assert died.returncode == -9, (moment, nth, died.stderr.decode())
        run = open_run(str(config), "r", execute=True)
        made = {file.raw_key: file.etag for file in files_transformed(run.ledger, world.src("a"))}
        assert made.items() >= known.items()  # what was made is not made again, or lost
        known = made
        run.ledger.close()
    run = open_run(str(config), "r", execute=True)
    fact = transform_tables(run)[world.src("a")]
    files = files_transformed(run.ledger, world.src("a"))
    assert len(files) > 1
    assert all(file.counts.add_up and file.counts.exported == file.counts.kept + file.counts.filtered for file in files)
    assert fact.counts is not None
    assert (fact.counts.exported, fact.counts.kept, fact.counts.filtered) == (200, 190, 10)
    import_tables(run)
    assert validate_tables(run)[world.src("a")]["verdict"] == "PASS"
    assert len(world.items(world.target, world.dst("a"))) == 190


@pytest.mark.chaos
def test_equal_keys_make_equal_values_in_another_run_and_another_key_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.pair("a", people(40))
    made = []
    for run_id, key in (("one", MASK_KEY), ("two", MASK_KEY), ("three", MASK_KEY + "!")):
        monkeypatch.setenv(KEY_NAME, key)
        run = exported(masking(world), run_id, execute=False)
        transform_tables(run)
        made.append(derived_lines(run, world.src("a")))
        run.ledger.close()
    one, two, three = made
    assert one == two
    assert len(one) == 40
    assert not {line for line in one if b"@" in line} & set(three)


@pytest.mark.parametrize("ended", [TransformStatus.COMPLETED, TransformStatus.BEGUN])
@pytest.mark.whole
@pytest.mark.few(1)
def test_a_cleanup_takes_what_was_made_and_leaves_another_runs(world: World, ended: TransformStatus) -> None:
    world.pair("a", people(20))
    world.pair("empty", [])
    other = exported(masking(world), "other", execute=False)
    transform_tables(other)
    other.ledger.close()
    world.put_object("exports/derived/somebody-elses", b"x")
    before, config = keys_in_bucket(world), masking(world)
    run = exported(config)
    if ended == TransformStatus.BEGUN:
        run.ledger.close()
        life = [sys.executable, "-c", LIFE, str(config), "put of data", "1"]
        assert subprocess.run(life, env=os.environ, capture_output=True, check=False).returncode == -9
        run = open_run(str(config), "r", execute=True)
    else:
        transform_tables(run)
        import_tables(run)
    assert {fact.status for fact in TRANSFORMS.all(run.ledger).values()} == {ended}
    assert any("/derived/" in key for key in keys_in_bucket(world) - before)
    clean_up(run, "r")
    assert keys_in_bucket(world) == before
    assert world.items(world.target, world.dst("a")) == []
