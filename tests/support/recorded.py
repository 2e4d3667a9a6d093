"""The stages as tests call them: what they return is plain, every member by its name, for tests to compare."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import wraps
from typing import Any

from runbook_lib.export import step as export_step
from runbook_lib.load import step as load_step
from runbook_lib.load.targets import create_tables, warm_throughput
from runbook_lib.validate import canary
from runbook_lib.validate import step as validate_step
from runbook_lib.validate.indexes import check


def plain(value: object) -> Any:
    """Facts with all their members, those that are not known yet as None."""
    if is_dataclass(value) and not isinstance(value, type):
        return {member.name: plain(getattr(value, member.name)) for member in fields(value)}
    if isinstance(value, Mapping):
        return {name: plain(member) for name, member in value.items()}
    return [plain(member) for member in value] if isinstance(value, (list, tuple)) else value


def _returning_plain(stage: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(stage)
    def called(*arguments: Any, **named: Any) -> Any:
        return plain(stage(*arguments, **named))

    return called


export_tables = _returning_plain(export_step.export_tables)
import_tables = _returning_plain(load_step.import_tables)
validate_tables = _returning_plain(validate_step.validate_tables)
create_missing_targets = _returning_plain(create_tables.create_missing_targets)
warm_targets = _returning_plain(warm_throughput.warm_targets)
try_canaries = _returning_plain(canary.try_canaries)
check_indexes = _returning_plain(check.check_indexes)
