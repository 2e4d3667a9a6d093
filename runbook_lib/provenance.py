"""Which code runs: the commit, the notebooks' digests and the versions of the packages that matter."""

from __future__ import annotations

import hashlib
import json
import subprocess
from importlib import metadata
from typing import Any

from runbook_lib import paths

PACKAGES = (
    "boto3", "botocore", "ipykernel", "ipywidgets", "jupyterlab", "matplotlib", "moto",
    "nbclient", "orjson", "pandas", "papermill", "pydantic",
)  # fmt: skip


def code_facts() -> dict[str, Any]:
    """What runs now."""
    notebooks = {n.name: hashlib.sha256(n.read_bytes()).hexdigest() for n in sorted(paths.notebooks().glob("*.ipynb"))}
    return {"git": _git(), "notebooks": notebooks, "packages": {p: metadata.version(p) for p in PACKAGES}}


def code_name(facts: dict[str, Any]) -> str:
    """A short name of code that ran, the same for the same code."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


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
