"""`runbook repair`: write what the comparison of a run found wrong, and nothing else."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runbook_lib.commands.arguments import CONFIG, RUN_ID
from runbook_lib.commands.output import Output, output_options, say
from runbook_lib.errors import ConfigError
from runbook_lib.run.verdicts import PASS

if TYPE_CHECKING:
    from runbook_lib.record.run_json import RunRecord

OPTIONS = {"missing": "--write-missing", "different": "--write-different", "extra": "--delete-extra"}


@click.command()
@CONFIG
@click.option("--run-id", type=RUN_ID, required=True, help="The run whose targets are repaired.")
@click.option("--write-missing", is_flag=True, help="Write items that are missing in the target.")
@click.option("--write-different", is_flag=True, help="Replace items that differ.")
@click.option("--delete-extra", is_flag=True, help="Delete items that are not in the export.")
@click.option("--even-after-cut-over", is_flag=True,
              help="Repair even if others wrote after the validation; restores what they deleted.")  # fmt: skip
@click.option("--execute", is_flag=True, help="Write to the target; without it, nothing is written there.")
@click.option("--confirm", default="", metavar="RUN_ID", help="The run's id again, to allow writing.")
@output_options
def repair(
    config: Path, run_id: str, write_missing: bool, write_different: bool, delete_extra: bool,
    even_after_cut_over: bool, execute: bool, confirm: str, **output: Any,
) -> int:  # fmt: skip
    """Write the items that the comparison found wrong, each on a condition, and validate everything again."""
    from runbook_lib.headless.runner import Request, run_notebooks
    from runbook_lib.repair.choice import RepairChoice
    from runbook_lib.run.admission.confirmation import as_typed

    choice = RepairChoice(write_missing, write_different, delete_extra, even_after_cut_over)
    _ = choice.kinds
    if (execute or confirm) and confirm != run_id:
        raise ConfigError(
            f"--confirm: expected {run_id!r} once more, which allows writing, found {as_typed(confirm)}; nothing was "
            "written"
        )
    parameters = choice.parameters() | {"confirm_repair": confirm}
    out = Output(**output)
    request = Request(config, run_id, execute=execute, repair=parameters, after=out.step)
    return _conclude(out, run_notebooks(request, out.say), AskedRepair(config, run_id, choice.kinds, execute))


@dataclass(frozen=True, slots=True)
class AskedRepair:
    """What was typed."""

    config: Path
    run_id: str
    kinds: tuple[str, ...]
    execute: bool

    @property
    def command(self) -> str:
        """The same, but written."""
        words = [
            "runbook",
            "repair",
            str(self.config),
            "--run-id",
            self.run_id,
            *(OPTIONS[kind] for kind in self.kinds),
        ]
        return shlex.join([*words, "--execute", "--confirm", self.run_id])


def _conclude(out: Output, record: RunRecord, asked: AskedRepair) -> int:
    """The end of a repair; the exit code: of a dry run whether it came to its end, else that of the verdict."""
    out.conclude(record, lambda record, folder: _print_end(out, record, folder, asked))
    step = next((step for step in record.steps if step.name == "repair"), None)
    ended = step is not None and step.status == "completed"
    if record.verdict == "INTERRUPTED":
        return 130
    return 0 if ended and (not asked.execute or record.verdict == PASS) else 1


def _print_end(out: Output, record: RunRecord, folder: Path, asked: AskedRepair) -> None:
    """Each table of which there is something to say, the sum over all, and what to do next."""
    from runbook_lib.report.sections.repairs import (
        has_news,
        latest_repairs,
        not_as_exported,
        repair_sentence,
        repairs_in_sum,
        to_write,
    )
    from runbook_lib.report.text import pluralize

    found = latest_repairs(record)
    for repaired in found:
        if has_news(repaired):
            out.say(repair_sentence(repaired))
    for reason in record.reasons if asked.execute else ():
        out.say(f"  {reason}")
    done = "repaired and validated again" if asked.execute else "the run's verdict as before, for nothing was written"
    if not asked.execute and record.verdict == PASS and (wrong := sum(map(not_as_exported, found))):
        are = f"{pluralize(wrong, 'item')} {'is' if wrong == 1 else 'are'}"
        done = f"the run's verdict as it was compared, and it does not hold now: {are} not as exported"
    say(f"{record.verdict}: {done}; {repairs_in_sum(found)}")
    if not asked.execute and any(to_write(repaired) for repaired in found):
        out.say(f"  to write them: {asked.command}")
    say(f"report: {folder / 'report.html'}")
