"""Opening the run that a notebook belongs to."""

from __future__ import annotations

from runbook_lib.notebook.notebook_run import NotebookRun
from runbook_lib.notebook.output import hide_values
from runbook_lib.run.admission.permission import taken_up
from runbook_lib.run.run import open_cleanup, open_run


def open_notebook_run(
    config: str = "", run_id: str = "", execute: bool = False, tables: str = "", *, step: str = "preflight"
) -> NotebookRun:
    """Open the run that a notebook belongs to, before `step`; writes nothing yet.

    Without `config` the environment's RUNBOOK_CONFIG is used, without `run_id` the run of this sitting (the
    migration's name with `-lab`), without `tables` those of the run's first start. Raises ConfigError for what is
    wrong with them, and ResumeRefused where the run was started with another configuration, for other tables or in
    another account. `step="cleanup"` looks at a run whose traces are to be removed.

    Leave to write holds for the notebooks of one sitting: what was asked for and confirmed in one of them need not be
    said again in the others. A spelled `run_id` takes nothing over.

    From here on, errors of this kernel are shown without what variables held, see `hide_values`.
    """
    hide_values()
    if step == "cleanup":
        run = open_cleanup(config, run_id, execute, tables, kind=NotebookRun)
    else:
        run = open_run(config, run_id, execute, tables, step=step, kind=NotebookRun)
    assert isinstance(run, NotebookRun)
    run.at = step
    if step != "cleanup" and (given := taken_up(run.ledger, run.sitting, run.clients)):
        run.execute, run.confirmed = True, given.target
    return run
