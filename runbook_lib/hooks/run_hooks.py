"""Do the commands and probes of a gate, in their order, and record what became of each."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence

from runbook_lib.config.sections.hooks import Hook
from runbook_lib.hooks.command import run_command
from runbook_lib.hooks.function import probe_lambda
from runbook_lib.hooks.probe import Outcome, probe_graphql, probe_http
from runbook_lib.run.facts.cut_over.gates import Gate
from runbook_lib.run.facts.cut_over.hooks import HOOKS_RUN, HookFact
from runbook_lib.run.run import Run
from runbook_lib.timestamps import format_timestamp


def run_hooks(
    run: Run, gate: Gate, hooks: Sequence[Hook], environment: Mapping[str, str] | None = None
) -> list[HookFact]:
    """All of a gate, also after one that failed; those that failed."""
    known = os.environ if environment is None else environment
    done: list[HookFact] = []
    for hook in hooks:
        at, clock = format_timestamp(run.now()), time.monotonic()
        kind, (fault, code) = _outcome(run, hook, known)
        done.append(HookFact(hook.name, kind, at, round(time.monotonic() - clock, 3), fault, code))
        HOOKS_RUN.record(run.ledger, gate, tuple(done))
    return [fact for fact in done if fact.fault is not None]


def told_of(fact: HookFact) -> str:
    """What became of one, in a few words without what it printed."""
    code = f" {fact.code}" if fact.code is not None else ""
    return f"{fact.name} ({fact.kind}): {fact.fault or 'good'}{code}"


def _outcome(run: Run, hook: Hook, environment: Mapping[str, str]) -> tuple[str, Outcome]:
    if hook.run is not None:
        return "command", run_command(hook, environment)
    if hook.http is not None:
        return "http", probe_http(hook)
    if hook.lambda_ is not None:
        return "lambda", probe_lambda(hook, run.config.target, run.clients.calls, run.clients.chain("target"))
    return "graphql", probe_graphql(hook, environment)
