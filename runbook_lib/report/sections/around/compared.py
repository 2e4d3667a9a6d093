"""What stands around the tables, compared in both regions: no part of a verdict, which is about the tables. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from runbook_lib.estate.compare import Likeness
from runbook_lib.record.model.around import SurroundingsRecord
from runbook_lib.record.run_json import RunRecord
from runbook_lib.report.text import count, moment, pluralize
from runbook_lib.run.facts.starts import StepStatus
from runbook_lib.run.steps import SURROUNDINGS

COMPARED_COLUMNS = ("kind", "source", "target", "outcome", "acts", "differs in")
ENDED = (StepStatus.COMPLETED, StepStatus.NOT_RUN)
NO_VERDICT = (
    "No part of the verdict, which is about the tables. Names, places and being asleep are no differences; a parameter "
    "is expected to be its default, or what surroundings.names says."
)


@dataclass(frozen=True, slots=True)
class SurroundingsSection:
    """The section of a report about what stands around the tables in both regions."""

    lines: list[str]
    columns: tuple[str, ...]
    rows: list[list[str]]
    not_carried: list[str]
    refused: list[str]


def surroundings_section(record: RunRecord) -> SurroundingsSection:
    """Everything that the section shows; without a comparison it is empty."""
    found = record.surroundings
    return SurroundingsSection(
        surroundings_lines(record), COMPARED_COLUMNS, compared_rows(found), not_carried_lines(found),
        refused_calls(found),
    )  # fmt: skip


def compared_rows(found: SurroundingsRecord | None) -> list[list[str]]:
    """One row per resource that the record lists, those that are not equal first; ways to members, never values."""
    return [
        [r.kind, r.source, r.target, r.likeness, r.acting, _ways(r.differences, r.differences_found)]
        for r in (found.resources if found else [])
    ]


def _ways(first: list[str], total: int) -> str:
    more = total - len(first)
    return ", ".join(first) + (f" and {count(more)} more" if more > 0 else "")


def surroundings_summary(found: SurroundingsRecord | None) -> str:
    """How many are equal, different, missing, only in the target or not checked, and how many calls were refused."""
    if found is None:
        return "Nobody compared."
    total = sum(found.counts.values())
    if not total:
        said = "nothing was compared: nothing of the source is chosen, or it could not be read"
    else:
        parts = ", ".join(f"{count(found.counts[word])} {word.value}" for word in Likeness if found.counts.get(word))
        said = f"{pluralize(total, 'resource')}: {parts}"
    refused = f"; {pluralize(found.calls_refused, 'call')} refused or not answered" if found.calls_refused else ""
    return f"{said}{refused}"


def are_alike(found: SurroundingsRecord | None) -> bool:
    """Whether something was compared, all of it is equal, and no call was refused."""
    if found is None or found.calls_refused:
        return False
    total = sum(found.counts.values())
    return bool(total) and found.counts.get(Likeness.EQUAL) == total


def surroundings_lines(record: RunRecord) -> list[str]:
    """What was found in sentences: the counts and their moment, how a look ended that has no result, the files."""
    found, lines = record.surroundings, _not_ended(record)
    if found is None:
        return lines
    said = surroundings_summary(found)
    lines.append(f"{said[0].upper()}{said[1:]}; compared at {moment(found.at)}. {NO_VERDICT}")
    hidden = sum(found.counts.values()) - len(found.resources)
    if hidden > 0:
        lines.append(
            f"{pluralize(hidden, 'more resource')} not listed here; handbook.md has all that are not equal or asleep."
        )
    if found.files:
        lines.append(f"In the run's folder, for the deployment and for those who run it: {', '.join(found.files)}.")
    return lines


def around_in_short(record: RunRecord) -> list[str]:
    """The line of the first screen, where somebody has compared or has tried to."""
    found, failed = record.surroundings, _not_ended(record)
    if found is None and not failed:
        return []
    said = surroundings_summary(found) if found else "nothing is known"
    again = " The last look did not come to its end." if failed else ""
    return [f"Around the tables, which is no part of the verdict: {said}.{again}"]


def _not_ended(record: RunRecord) -> list[str]:
    """How the last look ended, where it has no result."""
    return [
        f"The last look did not come to its end ({step.status}): {step.message or 'no message'}."
        for step in record.steps
        if step.name == SURROUNDINGS and step.status not in ENDED
    ]


def not_carried_lines(found: SurroundingsRecord | None) -> list[str]:
    """What no template has, and why."""
    return _first([f"{each.what}: {each.why}" for each in found.not_carried], found.not_carried_found) if found else []


def refused_calls(found: SurroundingsRecord | None) -> list[str]:
    """The calls that were refused: what they would have shown is not checked."""
    return _first(found.not_checked, found.calls_refused) if found else []


def _first(listed: list[str], total: int) -> list[str]:
    more = total - len(listed)
    return [*listed, *([f"and {count(more)} more"] if more > 0 else [])]
