"""Which code ran, so that its results can be made again and compared: commit, library, notebooks and packages."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from functools import cache, lru_cache
from importlib import metadata
from pathlib import Path

import runbook_lib.paths as paths
from runbook_lib.run.facts.starts import CodeFact

PACKAGES = (
    "boto3", "botocore", "ipykernel", "ipywidgets", "jinja2", "jupyterlab", "matplotlib", "moto",
    "nbclient", "orjson", "pandas", "papermill", "pydantic",
)  # fmt: skip
LIBRARY = Path(__file__).resolve().parents[1]
SUFFIXES = (".py", ".j2", ".css")


def code_facts() -> CodeFact:
    """What runs now: the commit, the digests of library and notebooks, the versions of the packages that matter."""
    notebooks = {n.name: _digest([n]) for n in sorted(paths.notebooks().glob("*.ipynb"))}
    return CodeFact(_git(), library_digest(), notebooks, _packages())


def code_name(code: CodeFact) -> str:
    """A short name of code that ran, the same for the same code."""
    return hashlib.sha256(json.dumps(asdict(code), sort_keys=True).encode()).hexdigest()[:16]


def makes_the_same(library: str | None, packages: Mapping[str, str]) -> bool:
    """Whether the code that runs now would make the same pages of a ledger as one of this digest."""
    return library == library_digest() and packages == _packages()


@cache
def _packages() -> dict[str, str]:
    found = {dist.name.lower(): dist.version for name in PACKAGES for dist in metadata.distributions(name=name)}
    return {name: found[name] for name in PACKAGES if name in found}


def library_digest() -> str:
    """One digest over every file of the library that decides what is written.

    A process holds what it has loaded. If files were edited since it began, what runs is neither what they say now nor
    what they said then, or some of both: the digest then names both, and is that of no code.
    """
    began, now = library_as_it_began(), _library_now()
    return now if now == began else f"{now}, edited while a process ran that began with {began}"


@cache
def library_as_it_began() -> str:
    """The digest when this process first asked, which its first step does as it starts."""
    return _library_now()


def _library_now() -> str:
    return _library_of(tuple(sorted(_files_of(str(LIBRARY)))))


def _files_of(folder: str) -> Iterator[tuple[str, int, int, int]]:
    """Each file that decides something, when it was last written, its size and its place on the disk.

    This is asked at each step: sorting and hashing hundreds of Path objects would take longer than all the rest.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files_of(entry.path)
            elif entry.name.endswith(SUFFIXES):
                stat = entry.stat()
                yield entry.path, stat.st_mtime_ns, stat.st_size, stat.st_ino


@lru_cache(maxsize=4)
def _library_of(files: tuple[tuple[str, int, int, int], ...]) -> str:
    """The digest of files as they were last written: to read them all again takes longer than a report should."""
    return _digest([Path(name) for name, *_ in files])


def _digest(files: Iterable[Path]) -> str:
    """The SHA-256 of a file; of several, of their names and digests."""
    found = [(file, hashlib.sha256(file.read_bytes()).hexdigest()) for file in files]
    if len(found) == 1:
        return found[0][1]
    lines = "".join(f"{digest}  {file.relative_to(LIBRARY).as_posix()}\n" for file, digest in found)
    return hashlib.sha256(lines.encode()).hexdigest()


def _git() -> str | None:
    """The commit of this checkout, with `-dirty` for changes on top; None outside of one."""
    root = paths.checkout()
    if root is None:
        return None
    try:
        said = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            capture_output=True, text=True, timeout=20, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return said.stdout.strip() or None
