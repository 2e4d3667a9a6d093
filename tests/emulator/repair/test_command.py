"""The command that a FAIL names repairs what it found and ends as a PASS."""

from __future__ import annotations

import json
import re
import shlex

import pytest

from tests.support.in_process import runbook_here
from tests.support.steps import up_to_the_import
from tests.support.world import World, things

pytestmark = pytest.mark.whole
NAMED = {"@acme/security-team https://evil.example/login": {"S": "x"}}


@pytest.fixture
def failed(world: World) -> str:
    """A run that ended as a FAIL, and the command that its record names, with a path that is right from here."""
    world.pair("a", things(20))
    run = up_to_the_import(world)
    world.target.delete_item(TableName=world.dst("a"), Key={"id": {"S": "i00003"}})
    world.put(world.target, world.dst("a"), [{"id": {"S": "i00004"}} | NAMED, {"id": {"S": "extra"}}])
    run.ledger.close()
    done = runbook_here("run", world.folder / "reports" / "r" / "migration.yaml", "--run-id", "r", "--execute",
                        "--from", "validate")  # fmt: skip
    assert done.returncode == 1
    command = str(world.record("r")["repair_command"])
    here = command.replace("reports/r/", f"{world.folder}/reports/r/")
    assert f"to repair just these items: {here}" in done.stdout
    told = (world.folder / "reports" / "r" / "report.md").read_text()
    assert command in told
    assert "security-team" in told
    assert not re.search("@acme|https://evil", re.sub("`[^`]*`", "", told))  # in code nobody is called, no link made
    assert command.endswith("--write-missing --write-different --delete-extra --execute --confirm r")
    return here


@pytest.mark.parametrize("damaged", [False, True], ids=["nothing else is wrong", "others are wrong"])
@pytest.mark.chaos
def test_no_repair_is_proposed_for_what_is_in_quarantine(world: World, damaged: bool) -> None:
    """`append` kept the target's own item; a repair was proposed for it, and did not find it again."""
    world.pair("a", things(20))
    theirs = {"id": {"S": "i00003"}, "owner": {"S": "theirs"}}
    world.put(world.target, world.dst("a"), [theirs])
    run = up_to_the_import(world, **{"import": {"on_non_empty": "append"}})
    if damaged:
        world.target.delete_item(TableName=world.dst("a"), Key={"id": {"S": "i00005"}})
        world.put(world.target, world.dst("a"), [{"id": {"S": "i00004"}}])
    run.ledger.close()
    file = world.folder / "reports" / "r" / "migration.yaml"
    done = runbook_here("run", file, "--run-id", "r", "--execute", "--from", "validate")
    assert done.returncode == 1
    report = (world.folder / "reports" / "r" / "report.md").read_text()
    command = world.record("r")["repair_command"]
    if damaged:
        assert command.endswith("--write-missing --write-different --execute --confirm r")
        assert "Items in quarantine it leaves as they are" in report
    else:
        assert command is None
        assert "to repair just these items" not in done.stdout
        assert "Another item stands under the key of one in quarantine, and no repair replaces it" in report
    asked = ("repair", file, "--run-id", "r", "--write-missing", "--write-different")
    dry = runbook_here(*asked)
    assert "1 item in quarantine, which no repair writes" in dry.stdout
    assert ("to write them" in dry.stdout) == damaged
    wet = runbook_here(*asked, "--execute", "--confirm", "r")
    assert "1 item in quarantine, which no repair writes: what stands there stays as it is" in wet.stdout
    assert "not found again" not in wet.stdout
    assert ("1 added, 1 replaced" in wet.stdout) == damaged
    assert theirs in world.items(world.target, world.dst("a"))
    assert world.record("r")["repair_command"] is None


@pytest.mark.whole
def test_the_command_that_a_fail_names_ends_as_a_pass(world: World, failed: str) -> None:
    dry = runbook_here(*shlex.split(failed.removesuffix(" --execute --confirm r"))[1:])
    assert dry.returncode == 0, dry.stdout + dry.stderr
    assert "1 missing, 1 different, 1 extra; would take 3 write units" in dry.stdout
    assert f"to write them: {failed.replace(' --execute', ' --execute', 1)}" in dry.stdout
    assert world.record("r")["verdict"] == "FAIL"
    assert len(world.items(world.target, world.dst("a"))) == 20
    wet = runbook_here(*shlex.split(failed)[1:])
    assert wet.returncode == 0, wet.stdout + wet.stderr
    assert "1 added, 1 replaced, 1 deleted" in wet.stdout
    record = world.record("r")
    assert (record["verdict"], record["repair_command"], record["repairs"][-1]["counts"]["added"]) == ("PASS", None, 1)
    assert [step["name"] for step in record["steps"]].index("repair") == 3
    again = runbook_here(*shlex.split(failed)[1:])
    assert again.returncode == 0
    assert "PASS: repaired and validated again; nothing is to be repaired in 1 table" in again.stdout
    assert runbook_here("verify", world.folder / "reports" / "r").returncode == 0


def test_without_the_run_s_id_nothing_is_written(world: World, failed: str) -> None:
    before = world.items(world.target, world.dst("a"))
    words = shlex.split(failed)[1:-1]
    for more in ([], ["--confirm", "other"]):
        refused = runbook_here(*words[:-1], *more)
        assert refused.returncode == 2
        assert "--confirm: expected 'r' once more" in refused.stderr
    assert world.items(world.target, world.dst("a")) == before


@pytest.mark.chaos
def test_of_many_tables_only_those_are_told_that_have_something_to_repair(world: World) -> None:
    for name in "abcde":
        world.pair(name, things(3))
    run = up_to_the_import(world)
    world.target.delete_item(TableName=world.dst("c"), Key={"id": {"S": "i00001"}})
    run.ledger.close()
    config = world.folder / "reports" / "r" / "migration.yaml"
    assert runbook_here("run", config, "--run-id", "r", "--execute", "--from", "validate").returncode == 1
    done = runbook_here("repair", config, "--run-id", "r", "--write-missing")
    lines = done.stdout.splitlines()
    assert [line for line in lines if " missing, " in line] == [
        line for line in lines if line.startswith(world.dst("c"))
    ]
    (end,) = [line for line in lines if line.startswith("FAIL: ")]
    assert (
        "nothing was written; 1 of 5 tables has something to repair: 1 item, for 1 write unit (less than 0.01 USD)"
        in end
    )
    assert "; writing everything again 15 write units (" in end
    quiet = runbook_here("repair", config, "--run-id", "r", "--write-missing", "--quiet")
    assert [line.split(": ")[0] for line in quiet.stdout.splitlines()] == ["FAIL", "report"]


@pytest.mark.chaos
def test_a_repair_speaks_to_programs_like_a_run(world: World, failed: str) -> None:
    xml = world.folder / "tables.xml"
    done = runbook_here(*shlex.split(failed)[1:], "--json", "--junit", str(xml))
    assert done.returncode == 0, done.stdout + done.stderr
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["step"] for one in said[:-1]] == ["repair", "validate", "report"]
    assert (said[-1]["record"]["verdict"], said[-1]["record"]["repairs"][-1]["counts"]["added"]) == ("PASS", 1)
    assert "<testsuite " in xml.read_text()
    assert runbook_here(*shlex.split(failed)[1:], "--json", "--quiet").returncode == 2
