"""Lambda: the variables of functions, in all their versions, and the sources of their mappings."""

from __future__ import annotations

from collections.abc import Iterator

from runbook_lib.aws.reading.listings import FUNCTIONS, MAPPINGS
from runbook_lib.aws.reading.reader import ServiceReader, Unread
from runbook_lib.references.places.place import SearchedText


def places_of_lambda(reader: ServiceReader) -> Iterator[SearchedText]:
    yield from _variables(reader)
    for mapping in reader.entries(MAPPINGS):
        function = str(mapping.get("FunctionArn", "")).rpartition(":function:")[2]
        state = str(mapping.get("State", "")).lower()
        resource = f"{mapping.get('UUID', '')} of function {function}{f' ({state})' if state else ''}"
        yield SearchedText("event-source mapping", resource, "EventSourceArn", str(mapping.get("EventSourceArn") or ""))


def _variables(reader: ServiceReader) -> Iterator[SearchedText]:
    """An alias may lead to an old version, so all of them are looked at."""
    for function in reader.entries(FUNCTIONS, FunctionVersion="ALL"):
        version = str(function.get("Version") or "$LATEST")
        name = str(function.get("FunctionName", ""))
        resource = name if version == "$LATEST" else f"{name}:{version}"
        environment = function.get("Environment") or {}
        if error := environment.get("Error"):  # its key is not ours to use
            code = str(error.get("ErrorCode") or "no code")
            reader.unread.append(Unread(reader.side, "lambda", "ListFunctions", code, resource))
        for variable, value in (environment.get("Variables") or {}).items():
            yield SearchedText("function", resource, f"variable {variable}", str(value))
