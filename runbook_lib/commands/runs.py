"""`runbook list` and `runbook status`: the runs that there are, and how one of them stands."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import click

from runbook_lib.commands.arguments import RUN_ID
from runbook_lib.commands.output import say
from runbook_lib.errors import ConfigError, EvidenceError
from runbook_lib.paths import REPORTS, command_here

NO_REPORT = "no report yet"
WITHOUT_RECORD = "Go on with its notebooks. 90_report, or this command, writes a report of it as it stands:"
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command("list")
@AS_JSON
def list_runs(as_json: bool) -> int:
    """List the runs in the reports folder, newest first."""
    from runbook_lib.paths import reports_root
    from runbook_lib.report.render.run_index import listed_runs
    from runbook_lib.report.text import moment
    from runbook_lib.run.admission.admit import is_running
    from runbook_lib.run.unfinished import UNFINISHED
    from runbook_lib.run.verdicts import RUNNING

    root = reports_root()
    rows = listed_runs(root) if root.is_dir() else []
    begun = _without_record(root)
    if as_json:
        told = [{"run_id": name, "verdict": None, "started": started} for name, started in begun.items()]
        known = [row.facts() | {"running": is_running(root / row.folder)} for row in rows]
        click.echo(json.dumps([*told, *known], indent=2))
        return 0
    if not rows and not begun:
        say(f"no runs in {root}")
    width = max(map(len, (*begun, *(row.folder for row in rows))), default=0)
    for name, started in begun.items():
        say(f"{name:<{width}}  {moment(started)[:16]}  {NO_REPORT}; runbook status {shlex.quote(name)} shows its steps")
    for row in rows:
        if row.broken:
            say(f"{row.folder:<{width}}  BROKEN: {row.broken}")
            continue
        where = f"{row.source} to {row.target}" + (f", {row.elsewhere}" if row.elsewhere else "")
        stopped = row.verdict == RUNNING and not is_running(root / row.folder)
        how = UNFINISHED if stopped else row.headline
        say(f"{row.folder:<{width}}  {row.started:%Y-%m-%d %H:%M}  {how}; {row.mode}; {where}")
    return 0


@click.command()
@click.argument("run_id", default="", type=RUN_ID)
@AS_JSON
def status(run_id: str, as_json: bool) -> int:
    """Show the state of the run RUN_ID (default: the newest): its steps, the reasons, and the next command."""
    from runbook_lib.paths import reports_root
    from runbook_lib.report.render.run_index import listed_runs
    from runbook_lib.run.admission.admit import is_running

    root = reports_root()
    rows = {row.folder: row for row in (listed_runs(root) if root.is_dir() else [])}
    row = rows.get(run_id) if run_id else next(iter(rows.values()), None)
    begun = _without_record(root)
    name = run_id or next(iter(begun), "")
    if name in begun and (run_id or row is None or begun[name] > _began(row)):
        return _tell_without_record(root / name, begun[name], as_json=as_json)
    if row is None:
        raise ConfigError(
            f"expected a run in {root}, found no {run_id or 'run at all'}; runbook list shows what is there"
        )
    if row.figures is None:
        raise EvidenceError(f"{root / row.folder}: {row.broken}")
    running = is_running(root / row.folder)
    facts = _standing(root / row.folder, row, running)
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return 0
    say(f"{row.folder}: {row.headline}; {row.mode}; {row.source} to {row.target}")
    if row.elsewhere:
        say(f"  {row.elsewhere}")
    _tell_steps(facts["steps"])
    for line in facts["why"]:
        say(f"  {line}")
    if facts["next"]:
        say(f"next: {facts['next']['what']}")
        for command in facts["next"]["commands"]:
            say(f"  {command}")
    say(f"report: {root / row.folder / 'report.html'}")
    return 0


def _standing(folder: Path, row: Any, running: bool) -> dict[str, Any]:
    from runbook_lib.report.model import ReportModel
    from runbook_lib.report.render.neighbours import record_of_ledger
    from runbook_lib.run.facts.starts import StepStatus
    from runbook_lib.run.unfinished import (
        CHANGED,
        GO_ON,
        SEE_WHICH,
        UNFINISHED,
        WHY,
        WHY_CHANGED,
        WHY_ENDED,
        WRITE_REPORT,
    )
    from runbook_lib.run.verdicts import RUNNING

    report, now = ReportModel(row.figures.record), None
    why, after = report.why, report.next_step
    proposed = {"what": after.what, "commands": list(after.commands)} if after else None
    if running:
        why, proposed = ["It is running."], None
    elif row.verdict == CHANGED:
        command = f"runbook verify {shlex.quote(f'{REPORTS}/{folder.name}')}"
        why, proposed = [WHY_CHANGED], {"what": SEE_WHICH, "commands": [command]}
    elif row.verdict in (RUNNING, UNFINISHED):
        now = record_of_ledger(folder)
        if now is None or any(step.status == StepStatus.RUNNING for step in now.steps):
            why, proposed = [WHY], {"what": GO_ON, "commands": []}
        else:
            why, proposed = [WHY_ENDED], {"what": WRITE_REPORT, "commands": [_only_report(folder)]}
    if proposed is not None:
        proposed |= {"commands": [command_here(command) for command in proposed["commands"]]}
    steps = _live_steps(folder) if running else []
    steps = steps or [_told(step) for step in (now or report.record).steps]
    known: dict[str, Any] = row.facts()
    return known | {"folder": str(folder), "running": running, "steps": steps, "why": why, "next": proposed}


def _only_report(folder: Path) -> str:
    settings = f"{REPORTS}/{folder.name}/migration.yaml"
    return shlex.join(["runbook", "run", settings, "--run-id", folder.name, "--only", "report"])


def _told(step: Any) -> dict[str, Any]:
    said = step.message or ("only looked, nothing was written" if step.is_rehearsal else None)
    return {"name": step.name, "status": step.status, "seconds": step.seconds, "message": said}


def _live_steps(folder: Path) -> list[dict[str, Any]]:
    """The steps of a run that is running, by its ledger: what was published of it is of before this start."""
    from runbook_lib.record.build import step_rows
    from runbook_lib.run.admission.admit import LEDGER
    from runbook_lib.run.ledger import Ledger

    ledger = Ledger(folder / LEDGER)
    try:
        return [_told(step) for step in step_rows(ledger)]
    finally:
        ledger.close()


def _because(step: dict[str, Any]) -> str:
    return (
        f": {step['message']}"
        if step["message"] and (step["status"] != "completed" or step["name"] == "repair")
        else ""
    )


def _began(row: Any) -> str:
    return (row.figures.record.started or "") if row.figures else ""


def _without_record(root: Path) -> dict[str, str]:
    """The runs that have a ledger and no record yet, with their first start, the newest first."""
    from runbook_lib.report.render.neighbours import begun_runs

    return {run.name: run.started for run in begun_runs(root)}


def _tell_without_record(folder: Path, started: str, *, as_json: bool) -> int:
    """How a run stands of which nothing is published yet."""
    from runbook_lib.report.text import moment

    command = command_here(_only_report(folder))
    steps = _live_steps(folder)
    if as_json:
        after = {"what": WITHOUT_RECORD, "commands": [command]}
        facts = {"run_id": folder.name, "verdict": None, "started": started, "folder": str(folder), "steps": steps}
        click.echo(json.dumps(facts | {"why": [], "next": after}, indent=2))
        return 0
    say(f"{folder.name}: {NO_REPORT}; begun {moment(started)}")
    _tell_steps(steps)
    say(f"next: {WITHOUT_RECORD}")
    say(f"  {command}")
    return 0


def _tell_steps(steps: list[dict[str, Any]]) -> None:
    for step in steps:
        taken = "" if step["seconds"] is None or step["status"] == "not run" else f" after {step['seconds']:.1f} s"
        say(f"  {step['name']:<9} {step['status']}{taken}{_because(step)}")
