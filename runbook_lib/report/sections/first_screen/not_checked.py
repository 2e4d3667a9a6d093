"""What nobody could look at, as the first screen and the last line of a run say it. Pure."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable

from runbook_lib.config.check_ids import Bearing, words
from runbook_lib.record.not_checked import Unchecked, accepting_all
from runbook_lib.report.figures.run_figures import RunFigures
from runbook_lib.report.text import listed, pluralize
from runbook_lib.run.verdicts import DRY_RUN

SHOWN = 3


def unknown_lines(figures: RunFigures) -> list[str]:
    """One line for each kind of look that bears on the proof and was not made, those that nobody accepted first."""
    groups: dict[tuple[bool, str, str, str | None], list[Unchecked]] = defaultdict(list)
    for u in figures.unknown:
        if u.bearing != Bearing.ADVICE:
            groups[u.is_open, u.id, u.bearing, u.accepted].append(u)
    return [
        f"{words(check)} ({check}) of {listed(_subjects(group), SHOWN)}: {_outcome(is_open, weight)}; "
        f"{listed(list(dict.fromkeys(u.why for u in group)), SHOWN)}"
        for (is_open, check, weight, _), group in sorted(groups.items(), key=lambda pair: not pair[0][0])
    ]


def how_to_accept(figures: RunFigures) -> str | None:
    """What the migration file would have to say to accept everything that stands against a PASS, in one go."""
    opened = [u for u in figures.unknown if u.is_open]
    if not opened:
        return None
    needed = accepting_all(opened, figures.record.accept.not_checked, [table.source for table in figures.chosen])
    line = f"accept: {{not_checked: {{{', '.join(f'{name}: {json.dumps(globs)}' for name, globs in needed.items())}}}}}"
    means = "with --execute would be" if figures.record.verdict == DRY_RUN else "is"
    return (
        f"{pluralize(len(opened), 'check')} that a proof needs could not run, which {means} a FAIL. Make them run; "
        f"if that is impossible, this in the migration file accepts all of them: {line}{_and_then(figures)}"
    )


def _and_then(figures: RunFigures) -> str:
    """How a run that came to its validation goes on with another file."""
    validated = any(s.name == "validate" and s.status in ("completed", "failed") for s in figures.record.steps)
    if not validated or figures.record.verdict == DRY_RUN:
        return ""
    writing = " --execute" if figures.record.executed else ""
    return f" (then run it again with --run-id {figures.record.run_id}{writing} --from validate)"


def accepted_in_short(figures: RunFigures) -> str:
    """For a line of a log: `accepted without a check: index-answers of 2 tables`; empty where nothing is."""
    sources: dict[str, set[str]] = defaultdict(set)
    said: dict[str, set[str]] = defaultdict(set)
    for u in figures.unknown:
        if u.bearing == Bearing.SAID:
            said[u.id].add(u.source)
        elif u.bearing == Bearing.PROOF and u.accepted is not None:
            sources[u.id].add(u.source)
    told = [("accepted without a check", sources), ("nobody could check", said)]
    return "; ".join(f"{what}: {', '.join(_in_short(groups))}" for what, groups in told if groups)


def _in_short(groups: dict[str, set[str]]) -> Iterable[str]:
    for check, tables in sorted(groups.items()):
        yield f"{check} of {'the run' if tables == {''} else pluralize(len(tables - {''}), 'table')}"


def _subjects(group: list[Unchecked]) -> list[str]:
    return [u.subject if u.subject == u.source or not u.source else f"{u.subject} ({u.source})" for u in group]


def _outcome(is_open: bool, weight: str) -> str:
    if is_open:
        return "not checked, and accept.not_checked does not name it"
    return "nobody could check it" if weight == Bearing.SAID else "not checked, accepted by accept.not_checked"
