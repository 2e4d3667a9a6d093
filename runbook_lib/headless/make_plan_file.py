"""Make the plan file of a migration: look at both sides as an executing run would, and begin none."""

from __future__ import annotations

from pathlib import Path

from runbook_lib.aws.session.clients import connect
from runbook_lib.config.model import load_config
from runbook_lib.errors import GateFailed
from runbook_lib.plan.check import stopped_by
from runbook_lib.preflight.plan_file import PlanFile
from runbook_lib.preflight.step import make_plan, refuse_misconfigured
from runbook_lib.transform.settings import refuse_untransformed


def make_plan_file(path: Path, chosen: str) -> PlanFile:
    """The plan of a migration file.

    Raises ConfigError for what only the configuration keeps from running, GateFailed for everything in the way.
    """
    config = load_config(path)
    refuse_untransformed(config, catch_up=False)
    clients = connect(config)
    plan = make_plan(config, clients.asked_once(), chosen, execute=True, around=False)
    refuse_misconfigured(plan)
    if plan.blockers:
        raise GateFailed(f"no plan was made, for a run would be stopped: {stopped_by(plan.blockers)}")
    return PlanFile.of(config, clients, plan, chosen)
