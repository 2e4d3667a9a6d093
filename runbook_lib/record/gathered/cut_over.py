"""What the record says of the cut-over, taken from the ledger."""

from __future__ import annotations

from runbook_lib.plan.pair import Pair
from runbook_lib.plan.writing import Method
from runbook_lib.record.model.cut_over import (
    CutOverRecord,
    EarlierFreeze,
    ForecastRecord,
    GateRecord,
    HookRecord,
    QuietRecord,
)
from runbook_lib.run.facts.codec import to_json
from runbook_lib.run.facts.cut_over.gates import (
    CUT_OVERS,
    FORECASTS,
    FROZEN,
    GATES,
    QUIET_AFTERWARDS,
    CutOverFact,
    Gate,
    GateFact,
    QuietFact,
)
from runbook_lib.run.facts.cut_over.hooks import HOOKS_RUN
from runbook_lib.run.facts.topic import Topic
from runbook_lib.run.ledger import Ledger
from runbook_lib.timestamps import elapsed_seconds


def cut_over_record(ledger: Ledger, pairs: list[Pair]) -> CutOverRecord | None:
    """The cut-over, as far as it has come; None for a run that never began one."""
    known, forecast, gates = CUT_OVERS.of(ledger), FORECASTS.of(ledger), GATES.all(ledger)
    if known is None and forecast is None and not gates:
        return None
    fact = known or CutOverFact("")
    return CutOverRecord(
        frozen_at=fact.frozen_at or None,
        until=fact.until,
        quiet_until=fact.quiet_until,
        go_at=fact.go_at,
        freeze_seconds=elapsed_seconds(fact.frozen_at, fact.go_at),
        by=fact.by,
        forecast=ForecastRecord.model_validate(to_json(forecast) | {"seconds": forecast.seconds}) if forecast else None,
        gates=[_gate(gate, gates[gate]) for gate in Gate if gate in gates],
        frozen=_quiet(ledger, FROZEN),
        afterwards=_quiet(ledger, QUIET_AFTERWARDS),
        hooks=[
            HookRecord.model_validate(to_json(fact) | {"gate": gate})
            for gate, facts in HOOKS_RUN.all(ledger).items()
            for fact in facts
        ],
        earlier=[EarlierFreeze(frozen_at=moment, gate=gate) for moment, gate in fact.earlier],
        left_out=[pair.source for pair in pairs if pair.method == Method.SCAN],
    )


def _gate(gate: Gate, fact: GateFact) -> GateRecord:
    return GateRecord.model_validate(to_json(fact) | {"gate": gate, "seconds": elapsed_seconds(fact.began, fact.ended)})


def _quiet(ledger: Ledger, topic: Topic[QuietFact]) -> list[QuietRecord]:
    return [QuietRecord.model_validate(to_json(fact) | {"source": name}) for name, fact in topic.all(ledger).items()]
