"""What the report says next of items that a transform could make nothing of is what brings them into the target."""

from __future__ import annotations

import shlex

import pytest

from runbook_lib.record.run_json import read_record
from runbook_lib.report.figures.run_figures import figures_of
from runbook_lib.report.sections.first_screen.standing import next_step
from tests.support.in_process import runbook_here
from tests.support.masks import KEY_NAME, MASK_KEY, email_rule, keep_rule, mask, people
from tests.support.tables import turn_on_recovery
from tests.support.world import World

REF = {"path": "ref", "with": "template", "template": "C#{email}"}
EXTRA = {"id": {"S": "i90001"}, "email": {"S": "marker.person@mail.example"}, "n": {"N": "1"}, "ref": {"S": "VIP/1"}}


LIMIT = {"import": {"quarantine_limit": 3}}


@pytest.mark.whole
def test_after_a_quarantine_of_the_transform_the_next_step_is_one_that_works(world: World) -> None:
    world.pair("a", [*people(5), EXTRA])
    config = world.config(transform=mask(email_rule(), keep_rule("n"), REF), **LIMIT)
    key = {KEY_NAME: MASK_KEY}
    assert runbook_here("run", config, "--run-id", "r", "--execute", **key).returncode == 1
    found = next_step(figures_of(read_record(world.folder / "reports" / "r")))
    assert found is not None
    assert "The transform could make nothing of 1 item" in found.what
    (command,) = found.commands
    assert "--from" not in command
    program, _, settings, *words = shlex.split(command)
    assert (program, settings) == ("runbook", "reports/r/migration.yaml")
    turn_on_recovery(world, world.target, world.dst("a"))  # which the pre-flight asks for before anything is replaced
    changed = world.config(
        transform=mask(email_rule(), keep_rule("n"), {"path": "ref", "with": "drop"}),
        export={"reuse_run": "r"}, **{"import": {"on_non_empty": "overwrite"}},
    )  # fmt: skip
    ran = runbook_here("run", changed, "--run-id", "again", *words, **key)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "i90001" in {item["id"]["S"] for item in world.items(world.target, world.dst("a"))}


@pytest.mark.whole
def test_too_many_refused_in_the_last_file_stop_a_later_start_as_well(world: World) -> None:
    world.pair("a", [EXTRA])
    config = world.config(transform=mask(email_rule(), keep_rule("n"), REF), **{"import": {"quarantine_limit": 0}})
    for _ in range(6):  # by then it has come to the last of them
        ran = runbook_here("run", config, "--run-id", "r", "--execute", **{KEY_NAME: MASK_KEY})
        assert ran.returncode == 1
        assert "1 items cannot be transformed, import.quarantine_limit is 0" in ran.stdout + ran.stderr
        assert world.items(world.target, world.dst("a")) == []
