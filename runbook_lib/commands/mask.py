"""runbook mask CONFIG --propose: which values no rule names, and rules to choose from."""

from __future__ import annotations

from pathlib import Path

import click

from runbook_lib.commands.arguments import CONFIG
from runbook_lib.errors import ConfigError
from runbook_lib.report.render.escape_markdown import visible

ITEMS = 10_000


@click.command()
@CONFIG
@click.option("--propose", is_flag=True, help="Print a rule for every path that no rule covers yet.")
@click.option("--items", type=click.IntRange(1), default=ITEMS, show_default=True,
              help="Number of items to read from each source table.")  # fmt: skip
def mask(config: Path, propose: bool, items: int) -> int:
    """Read a sample of CONFIG's source tables and propose rules for transform.mask; nothing is changed."""
    from runbook_lib.aws.session.clients import connect
    from runbook_lib.config.model import load_config
    from runbook_lib.transform.proposal.propose import propose as proposed

    if not propose:
        raise ConfigError("--propose: expected it, as the command does nothing else yet; nothing was read")
    migration = load_config(config)
    for line in proposed(migration, connect(migration), items).splitlines():
        click.echo(visible(line))
    return 0
