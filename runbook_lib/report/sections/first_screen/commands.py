"""The commands that a report proposes: with the settings that the run keeps, or the user's own file to write."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from runbook_lib.aws.endpoints import is_local
from runbook_lib.record.remedy import OWN_FILE, REPAIR_FLAGS, repair_words, settings_of
from runbook_lib.record.run_json import RunRecord
from runbook_lib.run.steps import CATCH_UP, CUT_OVER, REPAIR
from runbook_lib.run.verdicts import INTERRUPTED


def command_of_step(record: RunRecord, step: str | None) -> str | None:
    """The command that goes on with a step that `runbook run` does not do; None for a step that it does."""
    if step == REPAIR:
        return _repair_again(record) or command_to_run(record, execute=may_write(record), start="validate")
    if step not in (CATCH_UP, CUT_OVER) or any({step, "import"} <= {*attempt.steps} for attempt in record.attempts):
        return None  # a run that was handed windows with its export does them itself
    writes = bool(record.starts[-1].execute if record.starts else record.executed)
    settings = settings_of(record.run_id, record.attempts, writes=writes)
    words = ["runbook", step.replace("_", "-"), settings, "--run-id", record.run_id]
    return shlex.join([*words, *(["--execute", "--confirm", record.run_id] if writes else [])])


def _repair_again(record: RunRecord) -> str | None:
    """The repair that was interrupted, as it was asked for; None where it is not known, or failed."""
    last = max(record.repairs, key=lambda repaired: repaired.started or "", default=None)
    if last is None or record.verdict != INTERRUPTED:
        return None
    writes = any(s.name == REPAIR and s.execute for s in record.steps)
    asked = repair_words(record.run_id, [REPAIR_FLAGS[kind] for kind in last.kinds], record.attempts, writes=writes)
    asked += ["--even-after-cut-over"] if last.after_all else []
    return shlex.join([*asked, *(["--execute", "--confirm", record.run_id] if writes else [])])


def may_write(record: RunRecord) -> bool:
    """Whether the last start was allowed to write, so that going on is, too."""
    return bool(record.executed or (record.starts and record.starts[-1].execute))


def command_to_run(record: RunRecord, *, execute: bool = False, start: str | None = None, new: bool = False) -> str:
    """The command, with the settings that the run keeps of its last start."""
    words = ["runbook", "run", settings_of(record.run_id, record.attempts, writes=execute)]
    chosen = next((a.tables for a in record.attempts if a.tables), "*")
    words += (["--tables", chosen] if chosen != "*" else []) if new else ["--run-id", record.run_id]
    words += ["--from", start] if start else []
    return " ".join([*map(shlex.quote, words), *(["--execute"] if execute else [])])


def command_to_clean_up(record: RunRecord) -> str:
    """The command that shows what a cleanup would remove."""
    settings = settings_of(record.run_id, record.attempts)
    return shlex.join(["runbook", "cleanup", settings, "--run-id", record.run_id])


def confirm_first(record: RunRecord, commands: Sequence[str]) -> str:
    """What has to be written into the user's own file before a command writes; empty where its settings have it."""
    if not any(OWN_FILE in shlex.split(command) for command in commands):
        return ""
    who = record.identity.target
    spelled = f"{who.account}/{who.region}" if who.account and who.region else "ACCOUNT/REGION"
    return (
        f"confirm_target is missing: the settings of this run do not name the target that it would write to. If it is "
        f'the one you mean, put confirm_target: "{spelled}" into your migration file, as you keep it, and give that '
        f"file in place of {OWN_FILE}; the copy in the run's folder is sealed and stays as it is."
    )


def while_it_is_up(record: RunRecord, commands: Sequence[str]) -> str:
    """That commands need a server on this machine, which may have ended with all its tables; empty where none does."""
    sides = (record.identity.source, record.identity.target)
    here = dict.fromkeys(who.endpoint for who in sides if is_local(who.endpoint))
    asking = [command for command in commands if shlex.split(command)[1] != "verify"]
    if not here or not asking:
        return ""
    shown = "; runbook demo --sabotage lost-items --then-repair shows a repair" if record.repair_command else ""
    return (
        f"This works while {' and '.join(map(str, here))} on this machine is up: the sandbox of runbook demo ends with "
        f"the demo, and its tables with it{shown}."
    )
