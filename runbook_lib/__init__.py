"""Move DynamoDB tables to another region, account or name, and prove that nothing was lost.

The names of `__all__` are all that a notebook needs; docs/library.md shows them at work. Nothing of the library is
imported before one of them is asked for.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from runbook_lib.version import __version__

if TYPE_CHECKING:
    from runbook_lib.catchup.step import catch_up
    from runbook_lib.cutover.step import cut_over
    from runbook_lib.errors import RunbookError
    from runbook_lib.export.step import export_tables
    from runbook_lib.leak_scan.step import scan_for_leaks
    from runbook_lib.load.step import import_tables
    from runbook_lib.load.targets.create_tables import create_missing_targets
    from runbook_lib.load.targets.warm_throughput import warm_targets
    from runbook_lib.notebook.open_notebook import open_notebook_run as open_run
    from runbook_lib.preflight.step import preflight
    from runbook_lib.repair.choice import RepairChoice
    from runbook_lib.repair.step import repair_tables
    from runbook_lib.report.step import report_run
    from runbook_lib.surroundings.step import compare_surroundings
    from runbook_lib.transform.step import transform_tables
    from runbook_lib.undo.cleanup import clean_up
    from runbook_lib.validate.canary import try_canaries
    from runbook_lib.validate.step import validate_tables

__all__ = [
    "RepairChoice",
    "RunbookError",
    "__version__",
    "catch_up",
    "clean_up",
    "compare_surroundings",
    "create_missing_targets",
    "cut_over",
    "export_tables",
    "import_tables",
    "open_run",
    "preflight",
    "repair_tables",
    "report_run",
    "scan_for_leaks",
    "transform_tables",
    "try_canaries",
    "validate_tables",
    "warm_targets",
]
_PLACES = {
    "RepairChoice": "repair.choice:RepairChoice",
    "RunbookError": "errors:RunbookError",
    "catch_up": "catchup.step:catch_up",
    "clean_up": "undo.cleanup:clean_up",
    "compare_surroundings": "surroundings.step:compare_surroundings",
    "cut_over": "cutover.step:cut_over",
    "create_missing_targets": "load.targets.create_tables:create_missing_targets",
    "export_tables": "export.step:export_tables",
    "import_tables": "load.step:import_tables",
    "open_run": "notebook.open_notebook:open_notebook_run",
    "preflight": "preflight.step:preflight",
    "repair_tables": "repair.step:repair_tables",
    "report_run": "report.step:report_run",
    "scan_for_leaks": "leak_scan.step:scan_for_leaks",
    "transform_tables": "transform.step:transform_tables",
    "try_canaries": "validate.canary:try_canaries",
    "validate_tables": "validate.step:validate_tables",
    "warm_targets": "load.targets.warm_throughput:warm_targets",
}


class _Face(ModuleType):
    """This module; a verb is not hidden by the package of the same name (`preflight`), whichever is imported first."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _PLACES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Face


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _PLACES[name].split(":")
    found = globals()[name] = getattr(import_module(f"{__name__}.{module}"), attribute)
    return found


def __dir__() -> list[str]:
    return __all__
