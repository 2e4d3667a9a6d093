"""Both regions' surroundings, resource by resource: what is alike, what differs, what is not there yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from runbook_lib.aws.dynamodb.describe.tables import list_tables
from runbook_lib.aws.session.clients import Clients, connect
from runbook_lib.config.model import Migration, load_config
from runbook_lib.estate.compare import ComparedResource, Likeness, compare_estates, expected_estate
from runbook_lib.estate.name_map import NameMap
from runbook_lib.estate.resource import Estate, Unexpressed
from runbook_lib.estate.selection import selection_of_names
from runbook_lib.iac.surroundings.of_config import Now, Rewritten, estate_of, rewritten_estate, the_moment
from runbook_lib.plan.naming import select_tables
from runbook_lib.references.listing import table_cell

COLUMNS = ("kind", "source", "target", "", "acts", "differs in")


@dataclass(frozen=True, slots=True)
class BothSides:
    """The comparison of a migration file's surroundings; `not_read` are calls that were refused on either side.

    `region` is the target's, `names` the rule for everything that has one.
    """

    rewritten: Rewritten
    rows: tuple[ComparedResource, ...]
    expected: Estate
    unexpressed: tuple[Unexpressed, ...]
    not_read: tuple[str, ...]
    region: str
    names: NameMap

    @property
    def are_alike(self) -> bool:
        """Whether something was compared, all of it is equal, and nothing is unknown."""
        return bool(self.rows) and not self.not_read and all(row.likeness is Likeness.EQUAL for row in self.rows)


def compare_sides(config: Migration, clients: Clients, tables: Mapping[str, str], now: datetime) -> BothSides:
    """Read both sides and hold them against each other; nothing is changed."""
    rewritten = rewritten_estate(config, clients, tables, now)
    expected = expected_estate(rewritten.resources, clients.target_identity)
    meant = selection_of_names(expected, tables if config.surroundings.of_tables else {})
    found = estate_of(clients, "target", meant, now)
    rows = compare_estates(rewritten.estate, expected, found)
    not_read = (*rewritten.estate.not_read, *found.not_read)
    names = NameMap(config, tables)
    unexpressed = rewritten.estate.unexpressed
    return BothSides(rewritten, tuple(rows), expected, unexpressed, not_read, clients.target_identity.region, names)


def comparison_of(config_path: str | Path, now: Now = the_moment) -> tuple[str, bool]:
    """The comparison as Markdown, and whether both sides are alike."""
    config = load_config(config_path)
    clients = connect(config)
    both = compare_sides(config, clients, select_tables(config, list_tables(clients.source)), now())
    return as_page(both, config), both.are_alike


def as_page(both: BothSides, config: Migration) -> str:
    """A table of the resources, those that are not equal first, and all that is not known."""
    places = f"{config.source.region} and {config.target.region}"
    lines = [f"# What stands around the tables in {places}", "", summary_of(both), ""]
    if both.rows:
        lines += [f"| {' | '.join(COLUMNS)} |", "|" + "---|" * len(COLUMNS)]
        ordered = sorted(both.rows, key=lambda row: (row.likeness is Likeness.EQUAL, row.kind, row.source))
        lines += [f"| {' | '.join(table_cell(cell) for cell in cells_of(row))} |" for row in ordered]
        lines.append("")
    return "\n".join([*lines, *unknown_lines_of(both)])


def summary_of(both: BothSides) -> str:
    """How many resources are equal, different, missing, and only in the target."""
    counts = Counter(row.likeness for row in both.rows)
    if not both.rows:
        return "Nothing was compared: nothing of the source is meant, or it could not be read."
    said = ", ".join(f"{counts[likeness]:,} {likeness.value}" for likeness in Likeness if counts[likeness])
    return f"{len(both.rows):,} resources: {said}. Names, places and sleep are not differences."


def cells_of(row: ComparedResource) -> list[str]:
    return [row.kind, row.source, row.target, row.likeness.value, row.acting.value, ", ".join(row.differences)]


def unknown_lines_of(both: BothSides) -> list[str]:
    """What could not be read, and what no template carries over."""
    lines: list[str] = []
    if both.not_read:
        lines += ["## Not checked", "", *(f"- {table_cell(each)}" for each in both.not_read), ""]
    if both.unexpressed:
        carried = (f"- {table_cell(each.what)}: {table_cell(each.why)}" for each in both.unexpressed)
        lines += ["## Not carried over", "", *carried, ""]
    return lines
