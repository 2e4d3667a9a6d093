"""Whether a run would do what its plan file says: member by member, before the run has a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runbook_lib.errors import ConfigError, ResumeRefused
from runbook_lib.preflight.plan import Plan
from runbook_lib.preflight.plan_file import PlanFile, PlannedCost, read_plan
from runbook_lib.run.admission.admit import is_begun
from runbook_lib.run.facts.codec import to_json
from runbook_lib.run.facts.plan import PLAN_FILE, PlanFileFact
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.run import Run

MORE, LEAST_USD, LEAST_HOURS = 1.25, 1.0, 0.5
ABSENT = "nothing"
# What a run that has begun changes by itself: its targets, how they differ, and what is left to do.
OF_THE_RUN = frozenset({"target_table", "differences"})


def hold_to_plan(run: Run, plan: Plan, file: Path | None) -> PlanFileFact | None:
    """What a run is to note of its plan file; None for a run without one.

    Raises ConfigError naming each member in which the run would do something else, and ResumeRefused where it was
    begun with another plan file, or with none.
    """
    begun = is_begun(run.folder)
    said = refuse_another_plan(run.ledger, run.id, file, begun=begun)
    if said is None or file is None:
        return None
    found = PlanFile.of(run.config, run.clients, plan, run.only)
    if wrong := list(departures(said, found, begun=begun)):
        raise ConfigError(
            f"--plan: this run would not do what {file} says; nothing was done. Make the plan anew and have it "
            "reviewed, or put back what has changed:\n" + "\n".join(f"  {each}" for each in wrong)
        )
    return PlanFileFact(said.digest, file.name)


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


def departures(said: PlanFile, found: PlanFile, *, begun: bool = False) -> Iterator[str]:
    """Each member in which what was found is not what the plan says; of a run that has begun, but its own doing.

    An estimate may be up to a quarter higher, for sizes grow; a warning may be gone, but there may be no new one.
    """
    planned, now = (to_json(each) | {"settings": dict(_leaves(each.settings))} for each in (said, found))
    for name in ("runbook", "name", "chosen", "source", "target", "settings", "hook", "tables", "left_out"):
        yield from _differing(planned[name], now[name], name, OF_THE_RUN if begun else frozenset())
    if not begun:
        for name in sorted(found.warnings.keys() - said.warnings.keys()):
            yield f"warnings: {name}: the plan says {ABSENT}, and now it is {found.warnings[name]}"
        yield from _dearer(said.estimate, found.estimate)


def _dearer(said: PlannedCost, found: PlannedCost) -> Iterator[str]:
    for name, least in (("usd", LEAST_USD), ("hours", LEAST_HOURS)):
        planned, now = getattr(said, name), getattr(found, name)
        if planned is not None and (now is None or now > max(planned * MORE, planned + least)):
            said_now = "not known" if now is None else f"{now:g}"
            yield f"estimate.{name}: the plan says at most {planned:g}, and now it is {said_now}"


def _differing(said: Any, found: Any, where: str, but: frozenset[str]) -> Iterator[str]:
    """The places in which two JSON values differ, with both."""
    if isinstance(said, dict) and isinstance(found, dict):
        for name in [*said, *(n for n in found if n not in said)]:
            if name not in but:
                yield from _differing(said.get(name, ABSENT), found.get(name, ABSENT), f"{where}.{name}", but)
    elif isinstance(said, list) and isinstance(found, list) and len(said) == len(found):
        for place, (one, other) in enumerate(zip(said, found, strict=True)):
            yield from _differing(one, other, f"{where}[{place}]", but)
    elif said != found:
        yield f"{where}: the plan says {_short(said)}, and now it is {_short(found)}"


def _leaves(settings: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Settings by their whole keys: a section that has none but defaults is not in a plan."""
    for name, value in settings.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 120 else f"{text[:120]}..."
