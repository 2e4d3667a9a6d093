"""What a run says of itself in a register, and whether the register knows more of it than the run's own ledger.

A run's folder can be copied, and an older copy knows nothing of what the run has done since: not that it has written
more, was taken back, or was cut over. The register knows, for each of these leaves a mark there first. What the ledger
is about to create there it records before, so that a kill between the two does not make a run a stranger to itself.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

from runbook_lib.aws.s3 import registers as aws
from runbook_lib.errors import ResumeRefused
from runbook_lib.plan.pair import Pair
from runbook_lib.run.facts.load import IMPORTS
from runbook_lib.run.run import Run
from runbook_lib.run.witnesses.writers.registration import (
    REGISTRATIONS,
    Registration,
    WriterStanding,
    entries_folder,
    read_entry,
    registrar_at,
    registration,
)
from runbook_lib.timestamps import format_timestamp

ASKED_FOR = "asked-for"  # in place of the id of a table that ImportTable is about to make
CLOSING = "closing"  # in place of it too: the folder of the marks of runs that take back what they wrote
# Before the table's id: folders of marks RUN.NUMBER, one for each start.
WRITING, STOPPED = "writing.", "stopped."
# And of marks RUN: it has begun to take back what it wrote, has left nothing of it, or its target is in use.
UNDOING, TAKEN_BACK, IN_USE = "undoing.", "taken-back.", "in-use."
NUMBERED = (WRITING, STOPPED)
MARKS = (*NUMBERED, UNDOING, TAKEN_BACK, IN_USE)


def intend(run: Run, pair: Pair, known: Registration, bucket: str, key: str, token: str) -> None:
    """Record that this run is about to create an object that says `token`: found after a kill, it is its own."""
    if [bucket, key, token] not in (known.intended or ()):
        known.intended = [*(known.intended or ()), [bucket, key, token]]
    REGISTRATIONS.record(run.ledger, pair.source, known)


def settle(known: Registration, bucket: str, key: str, *, own: bool) -> None:
    """What became of an object that was to be created; whoever calls this records it."""
    known.intended = [each for each in known.intended or () if each[:2] != [bucket, key]] or None
    if own and [bucket, key] not in known.entries:
        known.entries.append([bucket, key])


def set_mark(
    run: Run, pair: Pair, known: Registration, place: str, key: str, more: Mapping[str, object] | None = None
) -> bool:
    """Create a mark and keep it; False where one lies there that this ledger has not set.

    `more` is what it says beside whose it is. Raises TransferError where it cannot be created.
    """
    bucket, _, _ = place.removeprefix("s3://").partition("/")
    token = secrets.token_hex(8)
    said = {"run": run.id, "nonce": known.nonce, "at": format_timestamp(run.now()), "table": pair.target}
    intend(run, pair, known, bucket, key, token)
    body = json.dumps({**said, "token": token, **(more or {})}).encode()
    own = aws.create_entry(registrar_at(run, place), bucket, key, body) or _is_intended(run, known, bucket, key)
    settle(known, bucket, key, own=own)
    REGISTRATIONS.record(run.ledger, pair.source, known)
    return own


def older_copy(run: Run, folder: str, key: str) -> ResumeRefused:
    """The error to be raised where the register has an object of this run that its ledger does not know."""
    did = ", which was cut over" if key.startswith(folder + IN_USE) else ""
    return ResumeRefused(
        f"the register of {folder.rstrip('/').rpartition('/')[2]} has {key} of this run{did}, and its ledger does not "
        f"know of that: {run.folder} is an older copy of the run's folder, and the run has gone on since. Nothing was "
        "written or removed now: go on with the newest copy, or start a new run with another run id"
    )


def refuse_unknown(run: Run, known: Registration, bucket: str, folder: str, keys: Sequence[str]) -> None:
    """Raise ResumeRefused where a target's folder, of which `keys` were listed, has more of this run than its ledger.

    Of another run of its name, which wrote to another table of that name, the nonce tells. An entry that is this run's
    and was never settled stays intended: whether the server heeds the condition, only creating it tells.
    """
    for at, key, _ in list(known.intended or ()):
        if at == bucket and key in keys:
            own = _is_intended(run, known, bucket, key)
            if not own or key.removeprefix(folder).startswith(MARKS):
                settle(known, bucket, key, own=own)
    for key in _unknown(run, known, bucket, folder, keys):
        raise older_copy(run, folder, key)


def refuse_forgotten(run: Run, known: Registration, bucket: str, folder: str, keys: Sequence[str]) -> None:
    """Raise ResumeRefused where the register has lost this run's entry, without which nobody knows that it writes."""
    lost = (key for at, key in known.entries if at == bucket and key.startswith(folder) and key not in keys)
    for key in lost:
        if not key.removeprefix(folder).startswith((*MARKS, ASKED_FOR)):
            raise ResumeRefused(
                f"the register of {folder.rstrip('/').rpartition('/')[2]} should have this run's own entry {key}, and "
                f"it is not there: the run was cleaned up, and {run.folder} is an older copy of its folder, or the "
                "entry was removed (by a lifecycle rule of the bucket?). Nothing was written now: start a new run"
            )


def refuse_older_copy(run: Run, pair: Pair) -> None:
    """Raise ResumeRefused where a target's register knows more of this run than its ledger.

    Raises TransferError where that could be listed when this run began and cannot be now.
    """
    known = registration(run, pair.source)
    if known is None or known.place is None or known.before is None:
        return
    bucket, folder = entries_folder(run, pair, known.place)
    refuse_unknown(run, known, bucket, folder, aws.list_entries(registrar_at(run, known.place), bucket, folder))


def say_in_use(run: Run, pair: Pair) -> None:
    """Say in the register, before this run's ledger does, that a target takes the place of its source.

    Raises TransferError where that cannot be said, ResumeRefused where it was said by another copy of this run.
    """
    loaded = IMPORTS.of(run.ledger, pair.source)
    if loaded is not None and loaded.binding is not None:
        say_once(run, pair, loaded.binding.target_table_id, IN_USE)


def say_once(run: Run, pair: Pair, table_id: str, mark: str) -> None:
    """Set a mark that a run sets once for a table, where it stands in the register; otherwise as `say_in_use`."""
    known = registration(run, pair.source)
    if known is None or known.standing != WriterStanding.ENTERED:
        return
    bucket, folder = entries_folder(run, pair, str(known.place))
    key = f"{folder}{mark}{quote(table_id, safe='')}/{run.id}"
    if [bucket, key] not in known.entries and not set_mark(run, pair, known, str(known.place), key):
        raise older_copy(run, folder, key)


def own_keys(known: Registration, bucket: str) -> set[str]:
    """What this run has created in a bucket, and what it was about to create there and may have."""
    return {key for at, key, *_ in (*known.entries, *(known.intended or ())) if at == bucket}


def _unknown(run: Run, known: Registration, bucket: str, folder: str, keys: Sequence[str]) -> Iterator[str]:
    """The objects of this run that its ledger does not know."""
    mine = own_keys(known, bucket)
    entered = {_parts(folder, key)[0] for key in mine if not key.removeprefix(folder).startswith(MARKS)}
    for key in keys:
        table_id, name = _parts(folder, key)
        if key in mine or name != run.id or table_id == CLOSING or not known.nonce:
            continue
        if table_id in entered or read_entry(run, bucket, key).get("nonce") == known.nonce:
            yield key


def _parts(folder: str, key: str) -> tuple[str, str]:
    """Of which table's id and of which run an object is."""
    at, _, name = key.removeprefix(folder).partition("/")
    mark = next((mark for mark in MARKS if at.startswith(mark)), "")
    return at.removeprefix(mark), name.rpartition(".")[0] if mark in NUMBERED else name


def _is_intended(run: Run, known: Registration, bucket: str, key: str) -> bool:
    """Whether an object says what this run has intended to write there; an entry says no more than the run's nonce."""
    said = read_entry(run, bucket, key)
    return [bucket, key, str(said.get("token", said.get("nonce")))] in (known.intended or ())
