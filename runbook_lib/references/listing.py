"""References as people and programs read them: `runbook references`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from runbook_lib.aws.dynamodb.describe.tables import list_tables
from runbook_lib.aws.session.clients import connect
from runbook_lib.config.model import load_config
from runbook_lib.plan.naming import select_tables
from runbook_lib.references.find import find_references
from runbook_lib.run.facts.around.references import NotRead, Reference, References

COLUMNS = ("old table", "new table", "side", "service", "resource", "where", "named by")


def references_of(config_path: str | Path, form: str, *, roles: bool = False) -> str:
    """Who names the old tables of a migration file, as `md` or `json`."""
    config = load_config(config_path)
    clients = connect(config)
    targets = select_tables(config, list_tables(clients.source), at=clients.source_identity.spelled)
    found = find_references(clients, targets, roles=roles or config.references.roles)
    return as_json(found) if form == "json" else as_markdown(found, len(targets))


def as_json(found: References) -> str:
    """`found`, `not_checked` and `looked_at`; members are only added."""
    looked = [{"side": side, "kind": kind, "count": count} for side, kind, count in found.looked]
    said = {
        "found": [asdict(each) for each in found.found],
        "not_checked": [asdict(each) for each in found.not_read],
        "looked_at": looked,
    }
    return json.dumps(said, indent=2) + "\n"


def as_markdown(found: References, tables: int) -> str:
    """A table of the places, a list of what was not checked, and what was looked at."""
    asked = f"Asked for {tables:,} old {'table' if tables == 1 else 'tables'}."
    lines = ["# Who names the old tables", "", f"{asked} {summary(found)}", ""]
    if found.found:
        lines += [f"| {' | '.join(COLUMNS)} |", "|" + "---|" * len(COLUMNS)]
        lines += [f"| {' | '.join(map(table_cell, reference_cells(each)))} |" for each in found.found]
        lines.append("")
    if found.not_read:
        lines += ["## Not checked", "", *(f"- {table_cell(unread_words(each))}" for each in found.not_read), ""]
    lines += ["## Looked at", "", *(f"- {side}: {count:,} {kind}" for side, kind, count in found.looked), ""]
    return "\n".join(lines)


def summary(found: References) -> str:
    """One sentence: how many places, how many calls that were not answered."""
    tables = len({each.source for each in found.found})
    said = f"{len(found.found):,} places name {tables:,} of the old tables." if found.found else NOBODY
    if not found.not_read:
        return said
    return f"{said} {len(found.not_read):,} calls were refused or not answered: what they would show is not checked."


NOBODY = (
    "No place that was looked at names an old table; names that a program puts together, or that are encoded, are not "
    "found (docs/surroundings.md)."
)


def reference_cells(each: Reference) -> list[str]:
    how = f"{each.how} ({each.tables} tables)" if each.tables > 1 else each.how
    return [each.source, each.target, each.side, each.service, each.resource, each.where, how]


def unread_words(each: NotRead) -> str:
    about = f" of {each.about}" if each.about else ""
    more = f" and {each.subjects - 1:,} more" if each.subjects > 1 else ""
    return f"{each.side}: {each.call}{about}{more}: {each.code}"


def table_cell(text: str) -> str:
    """A text as a cell of a Markdown table shows it."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
