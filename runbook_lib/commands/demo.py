"""runbook demo: the sandbox's fleet, moved headless; as it is, written to, damaged, or masked on its way."""

from __future__ import annotations

from typing import Any

import click

from runbook_lib.commands.campaign import end_of_campaign
from runbook_lib.commands.output import Output, output_options
from runbook_lib.errors import ConfigError

DAMAGES = ("lost-items", "extra-items", "changed-items")
LIVE_DAMAGES = ("dropped-change", "late-writer", "gap")
LEAK = "leak"


@click.command()
@click.option("--scale", type=click.FloatRange(0, 10, min_open=True), default=0.05, show_default=True,
              help="Size of the source tables, 1 being the reference fleet's.")  # fmt: skip
@click.option("--sabotage", type=click.Choice([*DAMAGES, *LIVE_DAMAGES, LEAK]),
              help="Damage the target (with --live the proof, with --masked a rule) to see a FAIL.")  # fmt: skip
@click.option("--live", is_flag=True, help="Move two tables while they are being written to, and cut over.")
@click.option("--by", type=click.Choice(["windows", "streams"]), default="windows", show_default=True,
              help="With --live: how the tables are followed.")  # fmt: skip
@click.option(
    "--campaign",
    "as_campaign",
    is_flag=True,
    help="Run three migrations in two waves: one export for two, a plan, one budget, signed seals.",
)
@click.option("--masked", is_flag=True,
              help="Add personal data to the tables; mask names, addresses, account numbers and codes.")  # fmt: skip
@click.option("--then-repair", is_flag=True, help="Repair what --sabotage damaged, and validate again.")
@click.option("--with-surroundings", is_flag=True,
              help="Add queues, rules, alarms and more around the tables, and write them as code.")  # fmt: skip
@click.option("--run-id", default="", help="Name of the run's folder.")
@output_options
def demo(
    scale: float, sabotage: str | None, live: bool, by: str, as_campaign: bool, masked: bool, then_repair: bool,
    with_surroundings: bool, run_id: str, **output: Any,
) -> int:  # fmt: skip
    """Start the sandbox, run the demo migration in it headless, and print where the report is."""
    from runbook_lib.sandbox.demo.run import DemoRequest, run_campaign_demo, run_demo, run_live_demo

    _check_run_id(run_id)
    beside = {"--then-repair": then_repair, "--with-surroundings": with_surroundings, "--masked": masked}
    if live and any(beside.values()):
        raise ConfigError(f"--live: expected none of {', '.join(beside)} with it; leave out {_named(beside)}")
    if by == "streams" and (not live or sabotage == "dropped-change"):
        raise ConfigError(
            "--by streams goes with --live, and with --sabotage late-writer or gap; leave one of them out"
        )
    out = Output(**output)
    if as_campaign:
        beside |= {"--sabotage": bool(sabotage), "--live": live, "--run-id": bool(run_id), "--json": out.as_json}
        beside["--junit"] = out.junit is not None
        if any(beside.values()):
            raise ConfigError(f"--campaign: expected only --scale and --quiet with it; leave out {_named(beside)}")
        return end_of_campaign(run_campaign_demo(scale, out.say), execute=True)
    allowed = LIVE_DAMAGES if live else (*DAMAGES, LEAK) if masked else DAMAGES
    if sabotage and sabotage not in allowed:
        needs = "--live" if sabotage in LIVE_DAMAGES else "--masked" if sabotage == LEAK else ""
        goes = f"; it goes with {needs}" if needs else "; leave out --live" if live else ""
        raise ConfigError(f"--sabotage: expected one of {', '.join(allowed)}, found {sabotage!r}{goes}")
    if then_repair and sabotage in (None, LEAK):
        raise ConfigError(
            f"--then-repair: expected --sabotage with it, one of {', '.join(DAMAGES)}; there is nothing else to repair"
        )
    if live:
        return out.conclude(run_live_demo(scale, sabotage, run_id, out.say, out.step, by))
    asked = DemoRequest(
        scale, run_id, sabotage, then_repair=then_repair, with_surroundings=with_surroundings, masked=masked,
        after=out.step,
    )  # fmt: skip
    record = run_demo(asked, out.say)
    code = out.conclude(record)
    if record.repair_command and not then_repair:
        out.say(
            "the sandbox of this demo has ended, so that command has nothing to repair any more; to see the repair: "
            f"runbook demo --sabotage {sabotage} --then-repair"
        )
    return code


def _named(options: dict[str, bool]) -> str:
    return ", ".join(name for name, given in options.items() if given)


def _check_run_id(run_id: str) -> None:
    """Raise ConfigError for what cannot be a run's name, before anything is started for it."""
    from runbook_lib.run.admission.admit import folder_of

    if run_id:
        folder_of(run_id)
