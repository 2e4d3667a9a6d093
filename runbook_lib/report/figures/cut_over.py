"""The cut-over in words: each gate with its times and what can be undone there, the forecast, and what comes next."""

from __future__ import annotations

from runbook_lib.record.model.base import seconds_between
from runbook_lib.record.model.cut_over import CutOverRecord
from runbook_lib.record.run_json import RunRecord
from runbook_lib.report.text import count, duration, listed, moment, pluralize
from runbook_lib.run.facts.cut_over.gates import Gate, GateState
from runbook_lib.run.verdicts import PASS

CUT_OVER_COLUMNS = ("Gate", "State", "From", "To", "Took", "What can be undone here, and how")
NOT_REACHED = "not reached"
NOTICEABLE = 60.0  # seconds between two clocks
GATE_NAMES = {
    Gate.READY: "ready",
    Gate.FREEZE: "writers stopped",
    Gate.LAST_WINDOW: "last window",
    Gate.FREEZE_PROOF: "proof of the freeze",
    Gate.DATA_PROOF: "proof of the data",
    Gate.SMOKE: "smoke",
    Gate.REFERENCES: "who names the old tables",
    Gate.GO: "go",
    Gate.AFTERWARDS: "after 15 minutes",
}
UNDO = {
    Gate.READY: "nothing was changed",
    Gate.FREEZE: "everything: start the writers again; nothing else was changed",
    Gate.LAST_WINDOW: "everything: start the writers again at the sources, and catch up; the windows stay applied",
    Gate.FREEZE_PROOF: "everything: start the writers again at the sources, and catch up",
    Gate.DATA_PROOF: "everything: start the writers again at the sources, and catch up",
    Gate.SMOKE: "everything, but what the smoke commands wrote to the targets: take that out by hand, then catch up",
    Gate.REFERENCES: "everything: set back what was set to the targets, and start the writers again at the sources",
    Gate.GO: "the application can be pointed back to the sources, which stay as they were; what it has written to the "
    "targets since is in the targets alone",
    Gate.AFTERWARDS: "as at the go; what was written to the sources meanwhile is in the sources alone",
}


def cut_over_rows(record: RunRecord) -> list[list[str]]:
    """One row per gate, those that were not reached too; none for a run without a cut-over."""
    if (known := record.cut_over) is None:
        return []
    by_name = {gate.gate: gate for gate in known.gates}
    rows = []
    for gate in Gate:
        at = by_name.get(gate)
        nothing = GateState.NOTHING if gate is Gate.REFERENCES and Gate.GO in by_name else NOT_REACHED
        state = (f"{at.state}, {at.fault}" if at.fault else at.state) if at else nothing
        times = [*map(_when, (at.began, at.ended)), duration(at.seconds)] if at else ["", "", ""]
        rows.append([GATE_NAMES[gate], state, *times, UNDO[gate]])
    return rows


def _when(at: str | None) -> str:
    return moment(at) if at else ""


def cut_over_lines(record: RunRecord) -> list[str]:
    """The forecast, the two moments, what was found, and what comes next."""
    if (known := record.cut_over) is None:
        return []
    return [*_forecast(known), *_moments(known), *hook_lines(known), *_named(known), *_quiet(known), *_next(known)]


def _named(known: CutOverRecord) -> list[str]:
    found = [gate.why for gate in known.gates if gate.gate == Gate.REFERENCES and gate.why]
    return [f"Before the go, {why[0].lower()}{why[1:]}" for why in found]


def _forecast(known: CutOverRecord) -> list[str]:
    made = known.forecast
    if made is None:
        return []
    parts = [("recovery", made.recovery), ("window", made.window), ("full export", made.full_export),
             ("comparison", made.comparison), ("last look", made.last_look)]  # fmt: skip
    said = ", ".join(f"{name} {duration(seconds)}" for name, seconds in parts if seconds is not None)
    allowed = f"{duration(made.limit)} are allowed"
    whole = (
        f"how long the writers would have to stop is not known, and {allowed}"
        if made.seconds is None
        else f"the writers would have to stop for {duration(made.seconds)}, and {allowed}"
    )
    parts_said = f" ({said})" if said else ""
    held = "" if made.changes is None else f" The last window will hold about {pluralize(made.changes, 'change')}."
    return [f"Forecast of {moment(made.made)}: {whole}{parts_said}.{held}"]


def _moments(known: CutOverRecord) -> list[str]:
    found = []
    if known.frozen_at:
        found.append(f"Writers stopped at {moment(known.frozen_at)}, typed" + (f" by {known.by}." if known.by else "."))
    if known.go_at:
        found.append(
            f"Targets in the place of the sources since {moment(known.go_at)}, {duration(known.freeze_seconds)} after "
            f"the freeze, with all that was written until {moment(known.until)}. {_since(known)}".rstrip()
        )
    if known.earlier:
        names = {str(gate): name for gate, name in GATE_NAMES.items()}
        tried = ", ".join(f"{moment(e.frozen_at)} (to the gate {names.get(e.gate, e.gate)})" for e in known.earlier)
        found.append(f"Tried before: {tried}.")
    if known.left_out:
        left = f"{pluralize(len(known.left_out), 'table')} read by Scan ({listed(known.left_out, 3)})"
        ready = any(gate.gate == Gate.READY and gate.state == GateState.PASSED for gate in known.gates)
        why = (
            "cut_over.leave_out says that nothing writes to them"  # or that gate had stayed shut
            if ready
            else "nobody can show what was written to them since"
        )
        found.append(f"Not cut over with a proof: {left}; {why}.")
    return found


def _since(known: CutOverRecord) -> str:
    """What is known of the time from the last window to the go."""
    afterwards = next((gate.state for gate in known.gates if gate.gate == Gate.AFTERWARDS), None)
    if afterwards == GateState.PASSED:
        return "The look afterwards found nothing that was written to the sources since."
    if afterwards == GateState.FAILED:
        return ""
    if known.quiet_until:
        quiet = f"Nothing was written to the sources from then until {moment(known.quiet_until)}"
        return f"{quiet}; what was written later is found by the look afterwards, which is due."
    return "What was written to the sources since is found by the look afterwards, which is due."


def _clocks(known: CutOverRecord) -> list[str]:
    """That the moments above are of another clock than the run's start and end, where a reader would wonder."""
    at = next((gate.ended for gate in known.gates if gate.gate == Gate.GO), None)
    ahead, behind = seconds_between((at, known.go_at)), seconds_between((known.go_at, at))
    off, way = (behind or 0.0, "behind") if not ahead else (ahead, "ahead of")
    if off < NOTICEABLE:
        return []
    return [f"Moments of the cut-over are by the sources' clock, which is {duration(off)} {way} this machine's."]


def hook_lines(known: CutOverRecord) -> list[str]:
    """What became of each command and probe."""
    return [
        f"{hook.name} ({hook.kind}, at the gate {hook.gate}): {hook.fault or 'good'}"
        f"{'' if hook.code is None else f', {hook.code}'}, {duration(hook.seconds)}."
        for hook in known.hooks
    ]


def _quiet(known: CutOverRecord) -> list[str]:
    found = []
    for said, rows in (("after the freeze", known.frozen), ("after the switch", known.afterwards)):
        for row in rows:
            if row.late:
                found.append(
                    f"{row.source}: {pluralize(row.late, 'change')} written {said}, keys as hashes "
                    f"{', '.join(row.hashes)}."
                )
        if expired := sum(row.expired for row in rows):
            found.append(f"Removed by the sources' time to live {said}, and no write: {pluralize(expired, 'item')}.")
    return found


def _next(known: CutOverRecord) -> list[str]:
    states = {gate.gate: gate.state for gate in known.gates}
    if known.go_at and Gate.AFTERWARDS not in states:
        return [
            "Point the application to the targets. The look 15 minutes later is due: run runbook cut-over with the "
            "same run id and --confirm again."
        ]
    if not known.frozen_at and states.get(Gate.READY) == GateState.FAILED:
        return [f"Not ready to cut over, and nothing was stopped or changed: {gate.why}" for gate in known.gates]
    if not known.frozen_at and states.get(Gate.READY) == GateState.PASSED:
        return ["Ready: stop the writers, then run runbook cut-over with --frozen-at and --confirm."]
    return []


def first_screen_lines(record: RunRecord) -> list[str]:
    """What a reader of the first screen has to know of a cut-over."""
    if (known := record.cut_over) is None:
        return []
    said = [*_moments(known), *_clocks(known), *_named(known), *_quiet(known), *_next(known)]
    return said if known.frozen_at or known.go_at else []


def unproved_cut_over(record: RunRecord) -> list[str]:
    """Why the gates of a record do not bear out a PASS after a go."""
    known = record.cut_over
    if known is None or record.verdict != PASS:
        return []
    states = {gate.gate: gate.state for gate in known.gates}
    good = (GateState.PASSED, GateState.NOTHING)
    found = [
        f"the run is called PASS, but the gate {gate} of its cut-over is {states.get(gate, NOT_REACHED)}"
        for gate in Gate
        if known.go_at
        and gate is not Gate.AFTERWARDS
        and states.get(gate) not in good
        and not (gate is Gate.REFERENCES and gate not in states)  # nobody was to look
    ]
    if late := sum(row.late for row in (*known.frozen, *known.afterwards)):
        found.append(f"the run is called PASS, but {count(late)} changes were written when nothing should have been")
    return found
