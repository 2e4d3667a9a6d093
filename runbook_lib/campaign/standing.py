"""How the runs of a campaign stand: read from their folders alone, so that there is no state to lose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from runbook_lib.config.campaign import Campaign, CampaignRun
from runbook_lib.config.model import Migration
from runbook_lib.errors import ConfigError, EvidenceError
from runbook_lib.record.run_json import RUN_JSON, RunRecord, read_record
from runbook_lib.record.signature_check import SignatureDemand, check_signature
from runbook_lib.report.proof import prove
from runbook_lib.report.render.written_since import WriteByRun, writes_since
from runbook_lib.run.admission.admit import folder_of, is_begun, is_running
from runbook_lib.run.sealed.seal import pages_are_sealed
from runbook_lib.run.unfinished import SUMS
from runbook_lib.run.verdicts import DRY_RUN, FAIL, INTERRUPTED, PASS


class Standing(StrEnum):
    """How a run of a campaign stands."""

    WAITING = "waiting"
    RUNNING = "running"
    UNFINISHED = "unfinished"
    REFUSED = "refused"
    BROKEN = "broken"
    UNDONE = "undone"
    INTERRUPTED = "INTERRUPTED"
    FAIL = "FAIL"
    DRY_RUN = "DRY-RUN"
    PASS = "PASS"


OF_VERDICT: dict[str, Standing] = {
    PASS: Standing.PASS,
    FAIL: Standing.FAIL,
    DRY_RUN: Standing.DRY_RUN,
    INTERRUPTED: Standing.INTERRUPTED,
}


@dataclass(frozen=True, slots=True)
class RunStanding:
    """One run; `record` is what its folder says, None before it has one, and `why` what stands against it."""

    run: CampaignRun
    run_id: str
    folder: Path
    standing: Standing
    record: RunRecord | None = None
    why: str = ""

    def is_done(self, *, execute: bool) -> bool:
        """Whether nothing is left to do of it: a dry campaign is content with a dry run."""
        return self.standing is Standing.PASS or (self.standing is Standing.DRY_RUN and not execute)


def standing_of(
    campaign: Campaign, run: CampaignRun, refused: Mapping[str, str], writes: Sequence[WriteByRun]
) -> RunStanding:
    """How a run stands, as its sealed folder says and `writes`, those of all runs beside it.

    `refused` are reasons of this start, by id.
    """
    found = _in_its_folder(campaign, run, writes)
    return replace(found, standing=Standing.REFUSED, why=refused[run.id]) if run.id in refused else found


def _in_its_folder(campaign: Campaign, run: CampaignRun, writes: Sequence[WriteByRun]) -> RunStanding:
    run_id = campaign.run_id(run)
    folder = folder_of(run_id)
    if not (folder / RUN_JSON).is_file():
        begun = folder.exists() and is_begun(folder)
        return RunStanding(run, run_id, folder, Standing.UNFINISHED if begun else Standing.WAITING)
    if is_running(folder):
        return RunStanding(run, run_id, folder, Standing.RUNNING)
    try:
        record = read_record(folder)
    except EvidenceError as error:
        return RunStanding(run, run_id, folder, Standing.BROKEN, why=str(error))
    sealed = (folder / SUMS).exists()
    if record.run_id != run_id or (sealed and not pages_are_sealed(folder)):
        return RunStanding(run, run_id, folder, Standing.BROKEN, why=_not_as_sealed(folder, run_id, record.run_id))
    if undone := _undone(record) or _written_over(record, run, writes):
        return RunStanding(run, run_id, folder, Standing.UNDONE, record, undone)
    known = OF_VERDICT.get(record.verdict) if sealed else None
    why = "; ".join(reason.rstrip(".") for reason in record.reasons[:2])
    return RunStanding(run, run_id, folder, known or Standing.UNFINISHED, record, why)


def _undone(record: RunRecord) -> str:
    """Why the targets are no more what a run has proved; empty where nobody took it back."""
    if record.cleaned or record.rolled_back:
        done = f"cleaned up at {record.cleaned}" if record.cleaned else f"rolled back at {record.rolled_back}"
        return f"it was {done}, so that what it proved is gone; give the run another id in the campaign to do it again"
    return ""


def _written_over(record: RunRecord, run: CampaignRun, writes: Sequence[WriteByRun]) -> str:
    """Which run has written to targets of a PASS since; empty where none has."""
    found = writes_since(record, writes)
    if not found:
        return ""
    tables = ", ".join(dict.fromkeys(write.target.partition(" ")[2] for write in found))
    again = f"compare again: runbook run {run.config} --run-id {record.run_id} --execute --from validate"
    if found[0].goes_on:
        return (
            f"run {found[0].run_id} may be writing to {tables}, for nothing says that it has ended, so that what was "
            f"proved of it may be gone; wait for that run, or start it again if it was killed, then {again}"
        )
    return (
        f"run {found[0].run_id} has written to {tables} since it was compared, so that what it proved may be gone; "
        f"{again}"
    )


def _not_as_sealed(folder: Path, run_id: str, named: str) -> str:
    if named != run_id:
        return f"expected the folder of run {run_id}, found that of run {named}"
    return f"{folder} is not as it was sealed; runbook verify says what was changed. Put it back, or remove the folder"


def proved(found: RunStanding, config: Migration) -> RunStanding:
    """The standing of a run that counts as done, if its folder bears it out now; else BROKEN, and why.

    A PASS is taken from a folder that is verified, and whose pages follow from its ledger; it is signed where the
    migration file asks for that.
    """
    try:
        proof = prove(found.folder)
    except (ConfigError, EvidenceError) as error:
        return _broken(found, str(error))
    if proof.verdict != found.standing:
        return _broken(found, f"expected the verdict {found.standing} in {found.folder}, found {proof.verdict}")
    return signed_as_asked(found, config)


def signed_as_asked(found: RunStanding, config: Migration) -> RunStanding:
    """The standing of a run whose seal is signed, if its migration file asks for that; else BROKEN, and why."""
    if config.sign is None or found.record is None:
        return found
    try:
        check_signature(found.folder, found.record.signer, SignatureDemand(config=config))
    except (ConfigError, EvidenceError) as error:
        again = f"runbook run {found.run.config} --run-id {found.run_id} --only report"
        return _broken(found, f"{error}. If you know why, have it signed anew: {again}")
    return found


def _broken(found: RunStanding, why: str) -> RunStanding:
    return replace(found, standing=Standing.BROKEN, record=None, why=why)
