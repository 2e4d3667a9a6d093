"""The section of a migration file that says what may stay unknown, and the ids that it may name."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field

from runbook_lib.config.check_ids import CheckId, definition_id, is_of_definition
from runbook_lib.config.section import Strict

# The properties of parity.py, without the two that a target cannot differ in and still take the items.
Acceptable = Literal[
    "global indexes", "local indexes", "time to live", "stream", "billing mode", "capacity", "point-in-time recovery",
    "deletion protection", "table class", "encryption", "tags", "replicas and vector indexes", "warm throughput",
    "auto scaling", "resource policy", "Kinesis destinations", "contributor insights",
]  # fmt: skip

EVERYWHERE = "*"
Acceptance = Mapping[str, Sequence[str]]
KNOWN_IDS = frozenset(map(str, CheckId)) | {
    definition_id(name) for name in ("key", "attribute types", "unknown members", *get_args(Acceptable))
}


def _known_id(text: str) -> str:
    if text not in KNOWN_IDS:
        close = difflib.get_close_matches(text, sorted(KNOWN_IDS), n=1)
        hint = f"did you mean '{close[0]}'?" if close else "docs/troubleshooting.md lists them"
        raise ValueError(f"there is no check with the id '{text}'; {hint}")
    return text


KnownId = Annotated[str, AfterValidator(_known_id)]


class Accept(Strict):
    """What may stay unknown: each look that could not be made is a FAIL unless it is named here."""

    not_checked: dict[KnownId, Annotated[list[str], Field(min_length=1)]] = Field(
        default_factory=dict,
        description="id of a check (docs/troubleshooting.md): names or globs of source tables for which it may stay "
        '`not checked`; `"*"` also for checks of the whole run. Shown on the first screen of the report',
    )
    still_named: list[str] = Field(
        default_factory=list,
        description="what may still name an old table at the go of a cut-over: globs of `SERVICE RESOURCE`, as the "
        "report spells them, such as `function orders-*`",
    )


def accepting(accept: Acceptance, check: str, source: str) -> str | None:
    """The glob that lets a look at a source table stay unmade, or None; only "*" does for the whole run's.

    The definition as a whole stands for each of its properties.
    """
    ids = [check, CheckId.DEFINITION] if is_of_definition(check) else [check]
    globs = [glob for name in ids for glob in accept.get(name) or ()]
    return next((g for g in globs if g == EVERYWHERE or (source and fnmatchcase(source, g))), None)
