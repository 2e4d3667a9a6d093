"""What is wrong with a migration file, in one line per mistake: where, which key, and what was meant perhaps."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from runbook_lib.config.reading.yaml_lines import Lines, dotted

PLAIN = {  # what the patterns of the keys that everybody writes ask for
    "region": "expected an AWS region such as us-east-1",
    "bucket": "expected the name of a bucket: 3 to 63 lowercase letters, digits, dots and dashes",
    "name": "expected up to 100 letters, digits, dots, dashes and underscores, beginning with a letter or digit",
}

KINDS = {  # of values: what was expected, without the names of our classes
    "model_type": "expected keys with their settings, such as {KEY: SETTING}",
    "dict_type": "expected names with their settings, such as {NAME: SETTING}",
    "list_type": "expected a list, such as [ONE, ANOTHER]",
    "string_type": "expected text",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
}


def explain(file: Path, lines: Lines, errors: Iterable[Mapping[str, Any]], model: Any) -> str:
    """The mistakes that pydantic has found in a file which should be a `model`, in the order of its lines."""
    placed = [(_known(tuple(error["loc"]), lines), error) for error in errors]
    placed.sort(key=lambda each: lines[each[0]])
    return "\n".join(_explain(f"{file}:{lines[known]}", known, error, model) for known, error in placed)


def _known(path: tuple[str | int, ...], lines: Lines) -> tuple[str | int, ...]:
    """The innermost part of a path that stands in the file."""
    while path not in lines:
        path = path[:-1]
    return path


def _explain(where: str, known: tuple[str | int, ...], error: Mapping[str, Any], model: Any) -> str:
    path = tuple(error["loc"])
    if not path and error["type"] == "value_error":  # two sections that do not go together
        return f"{where}: {error['msg'].removeprefix('Value error, ')}"
    if not path:
        return f"{where}: expected keys with their settings, found none; the README shows a migration file"
    if error["type"] == "extra_forbidden":
        return f"{where}: unknown key '{dotted(path)}'{_suggest(path, model)}"
    if error["type"] == "missing":
        return f"{where}: key '{dotted(path)}' is missing"
    if known[-1:] == ("endpoint_url",) and isinstance(error.get("input"), str):  # it may hold a password
        return (
            f"{where}: key '{dotted(known)}': expected http(s)://HOST[:PORT] without user, password or query; "
            "credentials come only from the AWS credential chain"
        )
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "string_pattern_mismatch":
        message = PLAIN.get(str(known[-1]), message)
    message = KINDS.get(error["type"], message)
    found = error.get("input")
    shown = "" if isinstance(found, (dict, list)) or hasattr(found, "model_fields") else f", found {found!r}"
    return f"{where}: key '{dotted(known)}': {message[0].lower() + message[1:]}{shown}"


def _suggest(path: tuple[str | int, ...], model: Any) -> str:
    section = model
    for part in path[:-1]:
        section = {(f.alias or n): f.annotation for n, f in section.model_fields.items()}.get(str(part))
        if not hasattr(section, "model_fields"):
            return ""
    names = [f.alias or n for n, f in section.model_fields.items()]
    close = difflib.get_close_matches(str(path[-1]), names, n=1)
    return f"; did you mean '{close[0]}'?" if close else f"; known keys are {', '.join(names)}"
