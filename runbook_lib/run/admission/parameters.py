"""The four parameters of every notebook, as they are given."""

from __future__ import annotations

import os

from runbook_lib.errors import ConfigError


def settings_file(config: str, run_id: str, execute: bool, tables: str) -> str:
    """The migration file that the parameters name, or the environment; raises ConfigError for one of a wrong type."""
    given = (("config", config, str), ("run_id", run_id, str), ("execute", execute, bool), ("tables", tables, str))
    for name, value, expected in given:
        if not isinstance(value, expected):
            raise ConfigError(
                f"parameter {name}: expected {expected.__name__}, found {value!r}; papermill's -p and -r may make "
                "something else of a value, give it with -f FILE or -y YAML"
            )
    path = config or os.environ.get("RUNBOOK_CONFIG", "")
    if not path:
        raise ConfigError(
            "no migration file: set the parameter 'config', or start JupyterLab with `runbook lab CONFIG`, or with "
            "`make lab` on the sandbox's, which set RUNBOOK_CONFIG"
        )
    return path
