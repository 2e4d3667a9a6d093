"""Seal a run folder and tell whether anything in it was changed since.

`SHA256SUMS` has the form of coreutils' sha256sum, so the seal can be checked without this tool.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from runbook_lib.atomic_files import encoded
from runbook_lib.errors import ConfigError, EvidenceError
from runbook_lib.run.atomic_folder import change_at_once
from runbook_lib.run.unfinished import SUMS

LEDGER = "ledger.sqlite"
SEALS = frozenset({SUMS, *(f"{SUMS}.{kind}" for kind in ("sig", "pub", "signed", "anchor"))})
# Empty files by which processes wait for each other, and folders that a run without such files has empty.
LOCKS, FOLDERS = frozenset({".lock", ".runner.lock"}), frozenset({"charts", "quarantine"})
LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")
# Every file that a run makes. What else stands under the seal was put there by somebody who wants it believed.
MADE = re.compile(
    r"run\.json|report\.(html|md)|handbook\.md|ledger\.sqlite|kernel\.log|differences\.jsonl|migration(-\d+)?\.yaml"
    r"|\d\d_[a-z_]+\.ipynb|surroundings/(messaging|monitoring)\.yaml|charts/[^/]+\.svg|quarantine/[^/]+\.jsonl"
)


def seal(folder: Path, pages: Mapping[str, str] | None = None) -> None:
    """Give the pages their texts and write the digests of every file of the folder, all at one instant."""
    texts = dict(pages or {})
    coming = {name: hashlib.sha256(encoded(text)).hexdigest() for name, text in texts.items()}
    names = sorted({*_names(folder), *coming})
    lines = [f"{coming.get(name) or _digest(folder / name)}  {name}" for name in names]
    change_at_once(folder, texts | {SUMS: "\n".join(lines) + "\n"}, seal=SUMS)


def pages_are_sealed(folder: Path) -> bool:
    """Whether what people open of a run, its record and its reports, is as the seal says; the rest is not looked at."""
    try:
        said = _read(folder / SUMS) if (folder / SUMS).is_file() else {}
        return bool(said) and all(
            said.get(name) == (_digest(folder / name) if (folder / name).is_file() else None)
            for name in ("run.json", "report.html", "report.md")
        )
    except (OSError, EvidenceError):
        return False


def verify(folder: Path) -> int:
    """Recompute the digests; returns how many files were checked.

    Raises ConfigError if the folder is not a sealed run, EvidenceError naming each file that was
    changed, removed or added, each that no run makes, each that is hidden, and each that is a link or anything but a
    file.
    """
    sums = folder / SUMS
    if not folder.is_dir():
        raise ConfigError(
            f"{folder}: expected a finished run's folder, found no such folder; name it as reports/RUN_ID or by "
            "the run's id; runbook list shows the runs that there are"
        )
    if not sums.is_file() and not sums.is_symlink():
        raise ConfigError(
            f"{folder}: expected a finished run's folder with {SUMS} in it, found none: its report was not written, or "
            "not since a further step of it was started. 90_report writes and seals it, as the end of each runbook "
            "run does; runbook status says how the run stands"
        )
    present, wrong = _look(folder)
    said = _read(sums) if SUMS not in present else {}
    if not said:
        raise EvidenceError(f"{folder} is not as it was sealed: {'; '.join(wrong)}")
    wrong = [f"{name} is missing" for name in said if name not in present] + wrong
    wrong += [f"{name} was added" for name in sorted(present - set(said) - _beside(folder))]
    wrong += [f"{name} was changed" for name in said if name in present and _digest(folder / name) != said[name]]
    wrong += [f"{name} is sealed, and no run makes such a file" for name in said if not _is_made(folder, name)]
    if wrong:
        raise EvidenceError(f"{folder} is not as it was sealed: {'; '.join(wrong)}")
    return len(said)


def _is_made(folder: Path, name: str) -> bool:
    """Whether a run makes such a file; the copy of a hook is where its migration file names it, as FILE:FUNCTION."""
    if MADE.fullmatch(name):
        return True
    try:
        settings = (folder / "migration.yaml").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return re.search(rf"(?<![\w.-]){re.escape(name.rpartition('/')[2])}:\w", settings) is not None


def _read(sums: Path) -> dict[str, str]:
    said: dict[str, str] = {}
    for number, line in enumerate(sums.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        match = LINE.fullmatch(line)
        if match is None or match[2] in said:
            raise EvidenceError(f"{sums} line {number} should be a digest and a name of its own, found {line[:90]!r}")
        said[match[2]] = match[1]
    if "run.json" not in said:
        raise EvidenceError(f"{sums} does not name run.json; it was changed or cut short")
    return said


def _names(folder: Path) -> list[str]:
    """The files that are evidence: all but the seal, hidden ones and SQLite's logs."""
    names = (p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file() or p.is_symlink())
    return sorted(n for n in names if n not in SEALS and not _is_hidden(n) and not n.endswith(("-wal", "-shm")))


def _look(folder: Path) -> tuple[set[str], list[str]]:
    """The regular files of a folder but its seal, and what it holds that no sealed folder does; follows no link."""
    files, wrong = set(), []
    for path, folders, names in os.walk(folder):
        for name in sorted((*folders, *names)):
            here = Path(path, name)
            inside = here.relative_to(folder).as_posix()
            mode = here.lstat().st_mode
            if stat.S_ISLNK(mode):
                wrong.append(f"{inside} is a link")
            elif _is_hidden(name) and not (inside in LOCKS and stat.S_ISREG(mode) and here.stat().st_size == 0):
                wrong.append(f"{inside} is hidden")
            elif stat.S_ISREG(mode):
                files |= set() if inside in (SUMS, *LOCKS) else {inside}
            elif not stat.S_ISDIR(mode):
                wrong.append(f"{inside} is no regular file")
            elif inside not in FOLDERS and not any(here.iterdir()):
                wrong.append(f"{inside} was added")
    return files, wrong


def _beside(folder: Path) -> set[str]:
    """What may be there without being listed: what refers to the seal, and what SQLite leaves beside an open ledger."""
    log = folder / f"{LEDGER}-wal"
    logs = set() if log.is_file() and log.stat().st_size else {log.name, f"{LEDGER}-shm"}
    return {*SEALS, *logs}


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
