"""The register beside exports: who uses one that another run made, and the mark of a cleanup that takes it away.

It lies in the exports' own bucket, where any machine sees it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from runbook_lib.aws.s3.objects import read_object
from runbook_lib.aws.session.granted_calls import export_registrar, registrar
from runbook_lib.export_format.manifest import export_id_of
from runbook_lib.run.run import Run

MARK = "closing"  # beside the folders of the runs that use an export, and no folder itself
LONGEST_MARK = 4_096


@dataclass(frozen=True, slots=True)
class ClosingMark:
    """What a cleanup says beside an export that it takes away; of a damaged mark nothing is known."""

    run: str = "whose mark cannot be read"
    nonce: str = ""
    at: str = "nobody knows when"

    def to_json(self) -> bytes:
        return json.dumps({"run": self.run, "nonce": self.nonce, "at": self.at}).encode()


@dataclass(frozen=True, slots=True)
class ExportPlace:
    """Where an export lies; one that is not `raw` was made by a transform, and lies where the target's side reads."""

    bucket: str
    folder: str
    raw: bool = True

    @property
    def users(self) -> str:
        return users_folder(self.folder)

    @property
    def mark(self) -> str:
        return self.users + MARK


def users_folder(folder: str) -> str:
    """Where those who use an export are entered: beside the exports of its prefix, in their register."""
    return f"{_register_of(folder)}{export_id_of(folder)}/"


def registrar_beside(run: Run, place: ExportPlace) -> Any:
    """The client for the register beside an export; one for all exports of its prefix."""
    register = _register_of(place.folder)
    make, kind = (export_registrar, "raw") if place.raw else (registrar, "derived")
    name = f"users of {kind} exports in {place.bucket}/{register}"
    return run.granted.client(name, lambda: make(run.clients, place.bucket, register))


def read_mark(run: Run, place: ExportPlace) -> ClosingMark | None:
    """What the mark of a cleanup says; None where there is none."""
    content = read_object(registrar_beside(run, place), place.bucket, place.mark, LONGEST_MARK)
    if content is None:
        return None
    try:
        said = json.loads(content)
        return ClosingMark(str(said["run"]), str(said["nonce"]), str(said["at"]))
    except (ValueError, LookupError, TypeError, RecursionError):
        return ClosingMark()


def _register_of(folder: str) -> str:
    prefix = folder.rstrip("/").rpartition("/")[0].rpartition("AWSDynamoDB")[0]
    return f"{prefix}register/exports/"
