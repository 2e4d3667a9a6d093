"""The copy of a transform's hook that lies with a run, where the run's copy of the migration file finds it."""

from __future__ import annotations

from pathlib import Path

from runbook_lib.config.model import Migration
from runbook_lib.errors import ConfigError, ResumeRefused


def hook_file(config: Migration) -> dict[str, bytes]:
    """The hook's file, by its path beside the migration file; empty without one. Raises ConfigError if it is gone."""
    if config.transform is None or config.transform.hook is None:
        return {}
    name = config.transform.hook.rpartition(":")[0]
    try:
        return {name: (config.folder / name).read_bytes()}
    except OSError as error:
        raise ConfigError(
            f"transform.hook: expected a Python file {config.folder / name}, which cannot be read: {error.strerror}"
        ) from None


def refuse_another_hook(config: Migration, folder: Path) -> None:
    """Raise ResumeRefused where another hook lies in a run's folder: the run was begun with that."""
    for name, content in hook_file(config).items():
        copy = folder / name
        if copy.exists() and copy.read_bytes() != content:
            raise ResumeRefused(
                f"{config.folder / name} is another hook than the run was begun with; start a new run with another id"
            )
