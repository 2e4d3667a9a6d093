"""Whether the pages of a sealed folder say what its ledger says: they are made again from it and compared.

A seal alone shows that nothing was changed since somebody sealed it; who forges a number and seals again has a
valid one. A forged number that no longer follows from the ledger is found here, and so is a changed ledger.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from runbook_lib.config.model import Migration, load_config
from runbook_lib.config.section import NAME
from runbook_lib.errors import ConfigError, EvidenceError, LedgerError, RunbookError
from runbook_lib.record.anchor_check import (
    NONE_ASKED,
    NOT_ASKED_FOR,
    NOT_LOOKED_AT,
    check_beside,
    hold_to_anchor,
    refuse_inside,
)
from runbook_lib.record.build import build_record
from runbook_lib.record.run_json import RUN_JSON, RunRecord, as_record, read_json
from runbook_lib.record.signature_check import NONE, SignatureDemand, check_signature, fingerprint_of
from runbook_lib.report.figures.run_figures import figures_of
from runbook_lib.report.judged import borne_out
from runbook_lib.report.publish import draw_up, with_digests
from runbook_lib.report.record_differences import number_differences, value_differences, where_they_part
from runbook_lib.run.facts.around.surroundings import SURROUNDINGS_FOUND
from runbook_lib.run.facts.publication import PUBLICATION, PublicationFact
from runbook_lib.run.facts.starts import FINGERPRINT, SETTINGS_DIGESTS
from runbook_lib.run.provenance import makes_the_same
from runbook_lib.run.sealed.seal import LEDGER, verify
from runbook_lib.run.sealed_ledger import SealedLedger
from runbook_lib.run.unfinished import SUMS
from runbook_lib.run.verdicts import INTERRUPTED

DRAWN = ("charts", "quarantine", "differences.jsonl")
SHOWN = 12
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
SEAL_MEANS = (
    f"What the seal protects against: a file that was changed, lost or added by somebody who did not seal again. Not "
    f"against whoever can write the folder and seals it again: keep the digest of {SUMS} elsewhere, with your sign-off."
)


class Followed(StrEnum):
    """How much of a folder was made again from its ledger."""

    PAGES = "pages"
    NUMBERS = "numbers"
    SEAL_ONLY = "seal only"


@dataclass(frozen=True, slots=True)
class Proof:
    """What a verification came to; nothing was wrong. `anchor` and `signature` say what these bear out.

    `run_id` and `name` are those of the run in the folder: the one that was expected. `left` names what is in the
    folder and cannot be made again.
    """

    files: int
    followed: Followed
    verdict: str
    run_id: str
    name: str
    anchor: str = NOT_LOOKED_AT
    signature: str = NONE
    left: tuple[str, ...] = ()

    def __str__(self) -> str:
        return {
            Followed.PAGES: "run.json, the reports, charts and lists are what the ledger gives: they were made again "
            f"by the code that made them and are the same to the byte{_but(self.left)}",
            Followed.NUMBERS: "the numbers of run.json are what the ledger gives. They were made again by other code "
            "than the run's, so the reports, charts and lists were not compared",
            Followed.SEAL_ONLY: "seal only: there is no ledger in the folder, so nothing bears out its numbers but the "
            "seal",
        }[self.followed]


def prove(
    folder: Path,
    migration: Path | None = None,
    *,
    signed_by: str | None = None,
    by_kms: bool = False,
    run_id: str | None = None,
) -> Proof:
    """Verify the seal of a folder, that what it says follows from its ledger, and its anchor as `migration` says.

    The run in it has to be `run_id`; without, the one that the folder is called. What has to bear out a verdict is
    judged in a record of this code only: other versions know other numbers.

    Raises ConfigError and EvidenceError as `evidence.verify` does, and EvidenceError naming what does not follow; with
    `migration` what `hold_to_anchor` raises. `signed_by` is the fingerprint of the key that has to have signed, and
    `by_kms` asks KMS about the key that `migration` names: both raise what `check_signature` does.
    """
    config = _own_file(folder, migration, by_kms=by_kms)
    expected = SignatureDemand(fingerprint_of(signed_by) if signed_by else None, config, by_kms)
    files = verify(folder)
    beside = check_beside(folder)
    data = read_json(folder)
    record = _fitting(folder, data)
    followed = _follow(folder, record, data)
    _refuse_another_run(folder, record, run_id)
    signature = check_signature(folder, record.signer, expected)
    anchor = NOT_LOOKED_AT if beside or record.anchor else NONE_ASKED
    if migration is not None and config is not None:
        only_signed = config.report.anchor is None and config.sign is not None
        anchor = NOT_ASKED_FOR if only_signed else str(hold_to_anchor(folder, record.run_id, migration))
    return Proof(files, followed, record.verdict, record.run_id, record.name, anchor, signature, _left(folder))


def _left(folder: Path) -> tuple[str, ...]:
    """What is in a folder and cannot be made again, in words."""
    books = ("the executed notebooks",) * any(folder.glob("*.ipynb"))
    return *books, *("kernel.log",) * (folder / "kernel.log").is_file()


def _but(left: tuple[str, ...]) -> str:
    return f"; {' and '.join(left)} cannot be made again" if left else ""


def _own_file(folder: Path, migration: Path | None, *, by_kms: bool) -> Migration | None:
    """The migration file of whoever asks; a folder does not say itself what it is held to."""
    if migration is None:
        if by_kms:
            raise ConfigError("--kms: expected --config with it: which key it is, the file as you keep it says")
        return None
    refuse_inside(folder, migration)
    config = load_config(migration)
    if by_kms and config.sign is None:
        raise ConfigError(f"--kms: expected the section sign in {migration}, found none; nothing was asked")
    return config


def _refuse_another_run(folder: Path, record: RunRecord, run_id: str | None) -> None:
    """Raise EvidenceError for another run than was asked for: a PASS of one would be taken for that of the other."""
    if not re.fullmatch(NAME, record.run_id):
        raise EvidenceError(f"{folder}: run.json: it is not the record of a run")
    expected = run_id or Path(os.path.normpath(folder.absolute())).name  # a link's own name, not what it leads to
    if record.run_id == expected:
        return
    asked = "as --run-id says" if run_id else "as the folder is called"
    raise EvidenceError(
        f"{folder}: expected the run {expected}, {asked}, found the run {record.run_id} of the migration "
        f"{record.name}, copied or in a folder that was renamed; ask for the folder of {expected}. If you mean "
        f"{record.run_id}, call the folder that, or say --run-id {shlex.quote(record.run_id)}"
    )


def _fitting(folder: Path, data: Any) -> RunRecord:
    try:
        return as_record(data)
    except EvidenceError as error:
        raise EvidenceError(f"{folder}: {error}") from None


def _follow(folder: Path, record: RunRecord, data: Any) -> Followed:
    """Make a folder's pages again; how much of them. `data` is the record as it stands in the file."""
    if makes_the_same(record.code.library, record.code.packages) and (wrong := figures_of(record).contradictions):
        raise EvidenceError(f"{folder}: the numbers of run.json do not bear out its verdict: {'; '.join(wrong)}")
    if not (folder / LEDGER).is_file():
        return Followed.SEAL_ONLY
    try:
        with closing(SealedLedger(folder / LEDGER)) as ledger:
            published = PUBLICATION.of(ledger)
            same = published is not None and makes_the_same(published.code.library, published.code.packages)
            again = _again(ledger, record, published if same else None)
            wrong = list(
                value_differences(data, again.to_json(), RUN_JSON) if same else number_differences(record, again)
            )
            wrong = wrong or list(_unlike(folder, ledger, again) if same else ())
    except (LedgerError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise EvidenceError(f"{folder}: run.json cannot be made again from the ledger: {error!r}") from error
    if wrong:
        rest = f" and {len(wrong) - SHOWN:,} more" if len(wrong) > SHOWN else ""
        raise EvidenceError(f"{folder} does not follow from its ledger: {'; '.join(wrong[:SHOWN])}{rest}")
    return Followed.PAGES if same else Followed.NUMBERS


def _again(ledger: SealedLedger, record: RunRecord, published: PublicationFact | None) -> RunRecord:
    """The record that the ledger gives, as it was published; of other code's with what it says of itself."""
    said = published or record
    interrupted = published.interrupted if published else record.verdict == INTERRUPTED
    again = build_record(ledger, said.run_id, said.name, interrupted=interrupted)
    again = borne_out(again) if published else again
    return with_digests(again, ledger.digests())


def _unlike(folder: Path, ledger: SealedLedger, again: RunRecord) -> Iterator[str]:
    """Where the other files differ from what the code that made them makes of the ledger."""
    yield from _unlike_configuration(folder, ledger)
    found = SURROUNDINGS_FOUND.of(ledger)
    for name, digest in (found.files if found else {}).items():
        file = folder / name
        if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != digest:
            yield f"{name}: the ledger knows one of digest {digest}, which this is not"
    yield from _unlike_pages(folder, ledger, again)


def _unlike_pages(folder: Path, ledger: SealedLedger, again: RunRecord) -> list[str]:
    """Where the pages differ from those that are drawn anew; raises ConfigError where there is no room for these."""
    try:
        with tempfile.TemporaryDirectory(prefix="runbook-verify-") as own:
            for inner in ("charts", "quarantine"):
                (Path(own) / inner).mkdir()
            for name, text in draw_up(Path(own), again, ledger).items():
                (Path(own) / name).write_bytes(text.encode("utf-8", "backslashreplace"))
            names = {f.relative_to(own).as_posix() for f in Path(own).rglob("*") if f.is_file()}
            held = {f.relative_to(folder).as_posix() for name in DRAWN for f in _files(folder / name)}
            return [w for name in sorted(names | held) for w in _unlike_file(name, folder / name, Path(own) / name)]
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise ConfigError(
            f"expected room in {tempfile.gettempdir()} to make the pages of {folder} again, found: {error.strerror}. "
            "Nothing is said of the folder, which was only read: free some room, or set TMPDIR to a folder that has "
            "it, and verify again"
        ) from None


def _files(path: Path) -> Iterator[Path]:
    yield from (f for f in path.rglob("*") if f.is_file()) if path.is_dir() else (path,) * path.is_file()


def _unlike_configuration(folder: Path, ledger: SealedLedger) -> Iterator[str]:
    for name, digest in SETTINGS_DIGESTS.all(ledger).items():
        file = folder / name
        if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != digest:
            yield f"{name}: the ledger knows a start of the run with settings of digest {digest}, which these are not"
    began = FINGERPRINT.of(ledger)
    if began is None or not (folder / "migration.yaml").is_file():
        return
    try:
        found = load_config(folder / "migration.yaml").fingerprint()
    except RunbookError:
        found = "none: it is not a migration file"
    if found != began:
        yield f"migration.yaml: the ledger knows a migration of fingerprint {began}, its own is {found}"


def _unlike_file(name: str, sealed: Path, again: Path) -> Iterator[str]:
    if not again.exists():
        yield f"{name}: the ledger gives no such file"
    elif not sealed.exists():
        yield f"{name}: the ledger gives such a file, and there is none"
    elif sealed.read_bytes() != again.read_bytes():
        one, other = (f.read_text(encoding="utf-8", errors="replace").splitlines() for f in (sealed, again))
        pairs = enumerate(zip(one, other, strict=False), 1)
        line, (said, gives) = next((pair for pair in pairs if pair[1][0] != pair[1][1]), (0, ("", "")))
        where = f"line {line}: {where_they_part(said, gives)}" if line else f"{len(one):,} lines for {len(other):,}"
        yield f"{name}: {where}"
