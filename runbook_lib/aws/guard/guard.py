"""What each side may be asked to do, refused before a byte leaves the machine, and counted.

The sets below are the one place to read it; docs/allowed-calls.md shows them beside all that AWS offers.
The manifest says which files belong to an export, a listing never does; the one prefix that may be listed is
the folder that ImportTable is about to read, to be held against the manifest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from runbook_lib.aws.guard.allowed_calls import EVENT_NAMES, FORMS
from runbook_lib.aws.guard.answered_for import asked_about, note_asked, refuse_of_another
from runbook_lib.aws.guard.call_counter import Calls
from runbook_lib.aws.guard.needed_parts import refuse_without_parts
from runbook_lib.aws.guard.read_units import ITEM_READS, halves_parsed, halves_read
from runbook_lib.aws.guard.touched import touched
from runbook_lib.aws.server_messages import only_errors_of_aws
from runbook_lib.errors import ForbiddenCall


class Under(frozenset[str]):
    """Names that begin with one of these: objects under a prefix."""

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.startswith(tuple(self))


class Guard:
    """Lets one side's clients do what `allowed` lists and nothing else.

    Attached to a botocore session it hears of every call of every client made from it: of its parameters,
    presigned URLs and forms included, and of every request before it is signed; the wire-level path asks
    `check` itself. `grants` are further operations, each on the tables named for it and no other, and in the form
    that `forms` has for it.
    """

    def __init__(
        self,
        side: str,
        allowed: frozenset[str],
        calls: Calls,
        grants: Mapping[str, frozenset[str]] | None = None,
        forms: Mapping[str, Callable[[Mapping[str, Any]], bool]] = FORMS,
    ) -> None:
        self.side = side
        self.grants = grants or {}
        self.allowed = allowed | frozenset(self.grants)
        self._calls = calls
        self._forms = forms

    def attach(self, events: Any) -> None:
        """Register with the event system of a botocore session, before clients are made."""
        events.register_first("provide-client-params.*.*", self._before_parameters)
        events.register_last("before-parameter-build.*.*", self._check_table)
        events.register_last("before-parameter-build.*.*", note_asked)
        events.register_last("before-call.*.*", self._before_call)
        events.register_first("request-created.*.*", self._before_signing)
        events.register_first("before-parse.*.*", only_errors_of_aws)
        events.register_first("after-call.dynamodb.*", self._note_read)
        events.register_last("after-call.*.*", refuse_without_parts)
        events.register_last("after-call.*.*", refuse_of_another)

    def check(self, service: str, operation: str) -> None:
        """Raise ForbiddenCall unless the operation is allowed."""
        if f"{service}:{operation}" not in self.allowed:
            raise ForbiddenCall(
                f"{service}:{operation} is not allowed on the {self.side} side; nothing was sent. "
                f"Allowed are {', '.join(sorted(self.allowed))}"
            )

    def count(self, operation: str) -> None:
        self._calls.record(self.side, operation)

    def answered(self, operation: str, tables: Iterable[str], content: bytes) -> None:
        """Count what a read of items in a target has consumed; a source's is counted by whoever reads it."""
        if self.side == "target" and operation in ITEM_READS:
            for table in tables:
                self._calls.consumed(table, halves_read(content))

    def _note_read(
        self, http_response: Any, parsed: dict[str, Any], model: Any, context: Mapping[str, Any] | None = None, **_: Any
    ) -> None:
        if self.side == "target" and model.name in ITEM_READS and http_response.status_code < 300:
            for table in asked_about(context):
                self._calls.consumed(table, halves_parsed(parsed, len(http_response.content)))

    def doubt(self, table: str) -> None:
        """Note that nobody knows whether a write to a table was done, or still will be."""
        self._calls.doubt(table)

    def _before_parameters(self, model: Any, **_: Any) -> None:
        self.check(model.service_model.service_name, model.name)

    def _check_table(self, params: Mapping[str, Any], model: Any, **_: Any) -> None:
        self.check_granted(model.service_model.service_name, model.name, params)

    def check_granted(self, service: str, name: str, params: Mapping[str, Any]) -> None:
        """A granted operation acts on a table it was granted for, given by its plain name."""
        granted = self.grants.get(f"{service}:{name}")
        if granted is None:
            return
        for table in touched(params):
            if table not in granted:
                raise ForbiddenCall(
                    f"{name} of {table!r} was not asked for; nothing was sent. Asked for are {sorted(granted)}"
                )
        fits = self._forms.get(f"{service}:{name}")
        if fits is not None and not fits(params):
            raise ForbiddenCall(f"{name} was granted for something else than {sorted(params)}; nothing was sent")

    def _before_call(self, model: Any, **_: Any) -> None:
        self.check(model.service_model.service_name, model.name)

    def _before_signing(self, request: Any, event_name: str, **_: Any) -> None:
        """The last look, at requests that were not made by a client's method too; one that is repeated counts again."""
        service, operation = event_name.split(".", 2)[1:]
        self.check(EVENT_NAMES.get(service, service), operation)
        if service == "dynamodb" and f"{service}:{operation}" in self.grants:
            self.check_granted(service, operation, json.loads(request.data or b"{}"))
        self.count(operation)
