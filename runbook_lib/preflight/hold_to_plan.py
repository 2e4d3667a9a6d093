"""Whether a run would do what its plan file says: member by member, before the run has a folder."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Container, Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from runbook_lib.errors import ConfigError, GateFailed, ResumeRefused
from runbook_lib.preflight.plan import Plan
from runbook_lib.preflight.plan_file import PlanFile, PlannedCost, plan_in, read_plan
from runbook_lib.run.admission.admit import is_begun
from runbook_lib.run.facts.codec import to_json
from runbook_lib.run.facts.plan import PLAN_FILE, PlanFileFact
from runbook_lib.run.facts.targets import CREATED
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.run import Run

MORE, LEAST_USD, LEAST_HOURS = 1.25, 1.0, 0.5
PLAIN = re.compile(r"[A-Za-z0-9_-]+")
# What a run changes by itself in a table that it has made or written to: that table, and how it differs.
OF_THE_RUN = frozenset({"target_table", "differences"})


class Absent(Enum):
    """What stands for a member that is not there; no text does, for a file may say any."""

    NOTHING = "nothing"


def hold_to_plan(run: Run, plan: Callable[[], Plan], file: Path | None) -> PlanFileFact | None:
    """What a run is to note of its plan file; None for a run without one.

    Raises ConfigError naming each member in which the run would do something else, and ResumeRefused where it was
    begun with another plan file, or with none.
    """
    said = refuse_another_plan(run.ledger, run.id, file, begun=is_begun(run.folder))
    if said is None or file is None:
        return None
    if wrong := _departed(run, plan(), said):
        raise ConfigError(f"--plan: this run would not do what {file} says; nothing was done. {wrong}")
    return PlanFileFact(said.digest, file.name, said.text())


def hold_pre_flight_to_plan(run: Run, plan: Callable[[], Plan]) -> None:
    """Raise GateFailed where the pre-flight of a run with a plan file finds something else than that says.

    What was looked at before the run began may be another table by now.
    """
    known = PLAN_FILE.of(run.ledger)
    if known is None or known.text is None:
        return
    if wrong := _departed(run, plan(), plan_in(known.text, Path(known.name))):
        raise GateFailed(f"this run does not find any more what its plan file {known.name} says. {wrong}")


def _departed(run: Run, plan: Plan, said: PlanFile) -> str:
    """Each member in which a run would depart from its plan, and what to do; empty where it would not."""
    found = PlanFile.of(run.config, run.clients, plan, run.only)
    own = {pair.source for pair in plan.pairs if CREATED.of(run.ledger, pair.source) or run.has_written_to(pair)}
    wrong = list(departures(said, found, own))
    head = "Make the plan anew and have it reviewed, or put back what has changed:\n"
    return head + "\n".join(f"  {each}" for each in wrong) if wrong else ""


def refuse_another_plan(ledger: Ledger, run_id: str, file: Path | None, *, begun: bool) -> PlanFile | None:
    """What the plan file says; raises ResumeRefused where the run was begun with another one, or with none."""
    known = PLAN_FILE.of(ledger)
    if file is None:
        if known is not None:
            raise ResumeRefused(
                f"run {run_id} was begun with the plan file {known.name} of digest {known.digest}; go on with it: "
                f"--plan {known.name}"
            )
        return None
    said = read_plan(file)
    if begun and (known is None or known.digest != said.digest):
        began = f"a plan file of digest {known.digest}" if known else "no plan file"
        raise ResumeRefused(
            f"run {run_id} was begun with {began}, and {file} has the digest {said.digest}; start a new run with it"
        )
    return said


def departures(said: PlanFile, found: PlanFile, own: Container[str] = ()) -> Iterator[str]:
    """Each member in which what was found is not what the plan says, but for what a run did to its `own` targets.

    An estimate may be up to a quarter higher, for sizes grow; a warning may be gone, but there may be no new one, until
    the run has written.
    """
    planned, now = (to_json(each) | {"settings": dict(_leaves(each.settings))} for each in (said, found))
    tables = said.tables.keys() | found.tables.keys()
    for name in ("runbook", "name", "chosen", "source", "target", "settings", "hook", "left_out"):
        yield from _differing(planned[name], now[name], name)
    for table in sorted(tables):
        one, other = (each["tables"].get(table, Absent.NOTHING) for each in (planned, now))
        yield from _differing(one, other, f"tables.{table}", OF_THE_RUN if table in own else frozenset())
    if not any(table in own for table in tables):
        for name in sorted(found.warnings.keys() - said.warnings.keys()):
            yield f"warnings: {name}: the plan says {Absent.NOTHING.value}, and now it is {found.warnings[name]}"
        yield from _dearer(said.estimate, found.estimate)


def _dearer(said: PlannedCost, found: PlannedCost) -> Iterator[str]:
    for name, least in (("usd", LEAST_USD), ("hours", LEAST_HOURS)):
        planned, now = getattr(said, name), getattr(found, name)
        if planned is not None and (now is None or now > max(planned * MORE, planned + least)):
            said_now = "not known" if now is None else f"{now:g}"
            yield f"estimate.{name}: the plan says at most {planned:g}, and now it is {said_now}"


def _differing(said: Any, found: Any, where: str, but: frozenset[str] = frozenset()) -> Iterator[str]:
    """The places in which two JSON values differ, with both."""
    if isinstance(said, dict) and isinstance(found, dict):
        for name in [*said, *(n for n in found if n not in said)]:
            if name not in but:
                yield from _differing(
                    said.get(name, Absent.NOTHING), found.get(name, Absent.NOTHING), f"{where}.{name}", but
                )
    elif isinstance(said, list) and isinstance(found, list) and len(said) == len(found):
        for place, (one, other) in enumerate(zip(said, found, strict=True)):
            yield from _differing(one, other, f"{where}[{place}]", but)
    elif said != found:
        yield f"{where}: the plan says {_short(said)}, and now it is {_short(found)}"


def _leaves(settings: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Settings by their whole keys: a section that has none but defaults is not in a plan.

    A name that is not plain is quoted, so that no other key has the same whole key.
    """
    for name, value in settings.items():
        key = f"{above}{name if PLAIN.fullmatch(name) else json.dumps(name)}"
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{key}.")
        else:
            yield key, value


def _short(value: Any) -> str:
    if isinstance(value, Absent):
        return value.value
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 120 else f"{text[:120]}..."
