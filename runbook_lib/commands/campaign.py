"""`runbook campaign`: several migrations in waves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from runbook_lib.commands.output import say

if TYPE_CHECKING:
    from runbook_lib.campaign.standing import RunStanding


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--execute", is_flag=True, help="Write to the targets; without it nothing is written there.")
@click.option("--confirm", default="", metavar="NAME", help="The campaign's name once more, to allow writing.")
def campaign(file: Path, execute: bool, confirm: str) -> int:
    """Run the migrations of the campaign FILE wave by wave, each from where it stopped."""
    from runbook_lib.campaign.run_campaign import run_campaign

    return end_of_campaign(run_campaign(file, say, execute=execute, confirm=confirm), execute=execute)


def end_of_campaign(found: list[RunStanding], *, execute: bool) -> int:
    """The last lines of a campaign: each run and the sum; returns the exit code."""
    done = [each for each in found if each.is_done(execute=execute)]
    for each in found:
        say(f"  {each.run_id}: {each.standing}{f': {each.why}' if each.why and each not in done else ''}")
    word = ("PASS" if execute else "DRY-RUN") if len(done) == len(found) else "FAIL"
    many = f"{'run is' if len(found) == 1 else 'runs are'} {'proved' if execute else 'looked through'}"
    say(f"{word}: {len(done):,} of {len(found):,} {many}")
    return 0 if len(done) == len(found) else 1
