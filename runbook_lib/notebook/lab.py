"""JupyterLab on copies of the notebooks, for one migration: the originals are never changed by use.

The copies lie in `notebooks/NAME` of the reports' folder, which is JupyterLab's root, so that a notebook's links to the
report and to the next notebook open there. What a person changed in them is kept from one start to the next.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from runbook_lib.atomic_files import write_atomically
from runbook_lib.config.model import load_config
from runbook_lib.extras import require
from runbook_lib.paths import notebooks, reports_root

COPIES, FIRST = "notebooks", "00_preflight.ipynb"
COPY_OF = "copy_of"  # the digest of the original, in a copy's own metadata
# Nobody is asked for news or newer versions in the middle of a migration.
QUIET = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
Say = Callable[[str], None]


def open_lab(config: Path, environment: Mapping[str, str], say: Say, *, browser: bool = True) -> int:
    """Open the notebooks of a migration in JupyterLab; returns its exit code. SIGTERM ends both.

    Raises ConfigError for a migration file that cannot be used. The notebooks' own default is a dry run.
    """
    name = load_config(config).name
    require("lab", "runbook lab")
    root = reports_root()
    copy_notebooks(root / COPIES / name, say)
    own = {"RUNBOOK_CONFIG": str(config.resolve()), "RUNBOOK_REPORTS": str(root)}
    with _quiet(environment) as settings:
        lab = subprocess.Popen(lab_command(root, name, browser), env={**environment, **own, **settings})
        signal.signal(signal.SIGTERM, lambda *_: lab.terminate())
        while True:
            try:
                return lab.wait()
            except KeyboardInterrupt:
                continue  # JupyterLab asks whether it is meant; it decides


def copy_notebooks(to: Path, say: Say) -> None:
    """Copies of the notebooks in a folder: new ones where there are none, or where they are of another version.

    A copy that is there and of this version stays as it is; one of another version is kept beside the new one.
    """
    to.mkdir(parents=True, exist_ok=True)
    for original in sorted(notebooks().glob("*.ipynb")):
        digest = hashlib.sha256(original.read_bytes()).hexdigest()
        copy = to / original.name
        if copy.exists():
            if _copied_from(copy) == digest:
                continue
            kept = _free_name(copy)
            copy.rename(kept)
            say(f"{copy.name} has changed since it was copied; yours is kept as {kept.name}")
        book: dict[str, Any] = json.loads(original.read_text(encoding="utf-8"))
        book["metadata"]["runbook"][COPY_OF] = digest
        write_atomically(copy, json.dumps(book, indent=1, ensure_ascii=False) + "\n")


def lab_command(root: Path, name: str, browser: bool) -> list[str]:
    """The command that starts JupyterLab on the first notebook."""
    command = [
        sys.executable, "-m", "jupyterlab", "--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={root}",
        f"--LabApp.default_url=/lab/tree/{COPIES}/{name}/{FIRST}",
    ]  # fmt: skip
    if not browser:
        command.append("--no-browser")
    if os.geteuid() == 0:  # in a container; JupyterLab asks for it to be said
        command.append("--allow-root")
    return command


def _copied_from(copy: Path) -> str | None:
    """The digest of the original that a copy was made from; None where it does not say."""
    try:
        found = json.loads(copy.read_text(encoding="utf-8"))["metadata"]["runbook"][COPY_OF]
    except (ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, str) else None


def _free_name(copy: Path) -> Path:
    number, found = 1, copy.with_name(f"{copy.stem}-earlier.ipynb")
    while found.exists():
        number += 1
        found = copy.with_name(f"{copy.stem}-earlier-{number}.ipynb")
    return found


@contextmanager
def _quiet(environment: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Settings that keep JupyterLab from asking anything; the user's own come before them."""
    with tempfile.TemporaryDirectory(prefix="runbook-lab-") as folder:
        (Path(folder) / "labconfig").mkdir()
        (Path(folder) / "labconfig" / "page_config.json").write_text(json.dumps(QUIET), encoding="utf-8")
        known = environment.get("JUPYTER_CONFIG_PATH")
        yield {"JUPYTER_CONFIG_PATH": os.pathsep.join(filter(None, (known, folder)))}
