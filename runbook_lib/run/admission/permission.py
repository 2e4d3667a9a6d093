"""Leave to write, given once for a run and kept in it: its other notebooks need not be told again.

It is taken up only by the notebooks of the same sitting, which share a run without spelling it. Who spells a run's id,
as every headless start does, says anew whether it may write.
"""

from __future__ import annotations

from runbook_lib.aws.session.clients import Clients
from runbook_lib.run.admission.sitting import Sitting
from runbook_lib.run.facts.starts import PERMISSION, PermissionFact
from runbook_lib.run.ledger import Ledger

TYPED, IN_FILE = "hand", "confirm_target"


def permission(clients: Clients, *, typed: bool, at: str) -> PermissionFact:
    """What a confirmed start records: the target it spelled, whether by hand, and as whom."""
    who = clients.target_identity
    how = TYPED if typed else IN_FILE
    return PermissionFact(f"{who.account}/{who.region}", how, who.arn, at)


def taken_up(ledger: Ledger, how: Sitting, clients: Clients) -> PermissionFact | None:
    """The leave that an earlier notebook of this sitting was given for this very target; None where there is none."""
    known = PERMISSION.of(ledger) if how is Sitting.SAME else None
    who = clients.target_identity
    return known if known and known.target == f"{who.account}/{who.region}" else None
