"""Whether the seal of a folder is the one that was anchored, for whoever verifies it.

Where to look is said by the migration file of whoever asks, never by the folder: a folder may come from anybody, and
requests to a place of its choosing would be signed with the asker's credentials.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runbook_lib.aws.s3.anchors import Version, read_anchor, versions_under
from runbook_lib.aws.session.granted_calls import anchor_client
from runbook_lib.config.model import Migration, load_config
from runbook_lib.config.section import NAME
from runbook_lib.errors import ConfigError, EvidenceError, TransferError
from runbook_lib.record.anchor import BESIDE, Anchored, State, anchored, digest_of, line, prefix_of
from runbook_lib.run.unfinished import SUMS
from runbook_lib.timestamps import format_timestamp

LARGEST = 65_536
NOT_ASKED_FOR = "The anchor was not looked at: the migration file asks for none (report.anchor)"
NONE_ASKED = "No anchor to hold the seal to: the record says that its run asked for none (report.anchor)"
NOT_LOOKED_AT = (
    "The anchor was not looked at: with --config and the migration file as you keep it, the seal is held to the one "
    "that its staging bucket has (report.anchor)"
)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """An anchor that is as the folder is; `seals` are how many of the run's are anchored, None if they are not listed.

    `over` says that its lock has ended.
    """

    anchored: Anchored
    seals: int | None
    over: bool

    def __str__(self) -> str:
        over = ", which is OVER: nothing holds it now" if self.over else ""
        if self.seals is None:
            last = "its anchors cannot be listed, so whether the run was sealed again later is not known"
        else:
            last = f"of {self.seals} anchored seals of this run it is the last"
        return f"{self.anchored}{over}; {last}"


def check_beside(folder: Path) -> dict[str, Any]:
    """What stands beside a seal of its anchor, empty if nothing does; raises EvidenceError if it is of another seal."""
    file = folder / BESIDE
    if not file.exists():
        return {}
    try:
        with file.open("rb") as opened:
            said = json.loads(opened.read(LARGEST))
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict) or said.get("sha256") != digest_of(folder):
        raise EvidenceError(
            f"{folder}: {BESIDE} is of another seal than {SUMS}: the folder was sealed again after it was anchored"
        )
    return said


def hold_to_anchor(
    folder: Path, run_id: object, migration: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Confirmed:
    """Hold a folder's seal to its anchor in the bucket that a migration file outside of the folder names.

    Raises ConfigError for a file that says nothing of an anchor, EvidenceError for a folder of which this is not the
    last anchored seal, and TransferError where that could not be looked at.
    """
    config = _config_of(folder, migration)
    said = check_beside(folder)
    if not isinstance(run_id, str) or not re.fullmatch(NAME, run_id):
        raise EvidenceError(f"{folder}: run.json: it is not the record of a run")
    digest, bucket, prefix = digest_of(folder), config.target_staging.bucket, prefix_of(config, run_id)
    wanted = Anchored(State.ANCHORED, bucket, prefix + digest, digest)
    s3, owner = anchor_client(config, prefix, write=False), config.target_staging.bucket_owner
    known: list[Version] | None
    try:
        known = versions_under(s3, bucket, prefix, owner)
    except TransferError:
        known = None
    first = next((v.id for v in known or () if v.key == wanted.key), None)
    version = said.get("version_id") or first
    held = read_anchor(s3, bucket, wanted.key, str(version) if version else None, owner)
    if held is None or held.body != line(digest):
        raise EvidenceError(
            f"{folder}: no anchor of this seal is at s3://{bucket}/{wanted.key}"
            f"{f', version {version}' if version else ''}: {_instead(said, known, held is not None)}"
        )
    others = {v.key: v.at for v in reversed(known or ()) if v.key != wanted.key}  # of each, when it was first there
    # When this seal was first there: to put an old one once more makes it no later one.
    since = min([held.at, *(v.at for v in known or () if v.key == wanted.key)])
    if later := {key: at for key, at in others.items() if at > since}:
        key = max(later, key=lambda k: later[k])
        raise EvidenceError(
            f"{folder} was sealed again since: its anchor is of {format_timestamp(since)}, and "
            f"s3://{bucket}/{key} is of "
            f"{format_timestamp(later[key])}; ask for the folder that has that seal"
        )
    over = held.until is not None and held.until <= now()
    return Confirmed(anchored(wanted, held), None if known is None else len(others) + 1, over)


def refuse_inside(folder: Path, migration: Path) -> None:
    """Raise ConfigError for a migration file that lies in the very folder that is verified."""
    if migration.resolve().is_relative_to(folder.resolve()):
        raise ConfigError(
            f"--config: expected the migration file as you keep it, found {migration} in the folder that is verified; "
            "a folder does not say itself where its anchor is"
        )


def _config_of(folder: Path, migration: Path) -> Migration:
    refuse_inside(folder, migration)
    config = load_config(migration)
    if config.report.anchor is None:
        raise ConfigError(
            f"--config: expected report.anchor: s3 in {migration}, found none; to verify the folder without its "
            "anchor leave --config out; nothing was looked at"
        )
    return config


def _instead(said: dict[str, Any], known: list[Version] | None, other: bool) -> str:
    """What there is in place of an anchor."""
    if other:
        return "what is there is something else"
    if said.get("state") == State.NOT_ANCHORED:
        return f"it was never put, as {BESIDE} says"
    if known:
        last = format_timestamp(known[-1].at)
        return f"other seals of this run are anchored, the last at {last}: the folder was sealed again"
    return "the folder was sealed by somebody else, or the anchor was removed"
