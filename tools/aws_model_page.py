"""Writes docs/aws-model.md: what is done with each member and each error of AWS's model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import botocore
import botocore.session
from botocore.model import Shape

from runbook_lib.aws.dynamodb.describe.members import CREATE, EXPORT, IMPORT, TABLE, Member
from runbook_lib.aws.error_classes import CLASSES, ErrorClass
from runbook_lib.aws.guard.allowed_calls import ALWAYS, ASKED

PAGE = Path(__file__).resolve().parents[1] / "docs" / "aws-model.md"
SHAPES: list[tuple[str, dict[str, Member]]] = [
    ("TableDescription", TABLE),
    ("CreateTableInput", CREATE),
    ("ImportTableInput", IMPORT),
    ("ExportDescription", EXPORT),
]
TITLES = {
    "TableDescription": "What DescribeTable says of a table",
    "CreateTableInput": "What CreateTable takes",
    "ImportTableInput": "What ImportTable takes",
    "ExportDescription": "What DescribeExport says of an export",
}
HEAD = """# AWS's model, member by member

Written by `python -m tools.aws_model_page` from `runbook_lib/aws/dynamodb/describe/members.py` and
`runbook_lib/aws/error_classes.py`. Tests compare these with the model of botocore {version} and fail if a newer model
adds a member or an error.

- **compared**: between both tables, as the named property of [definition parity](definitions.md).
- **carried over**: set on a table that is created here.
- **used**: for the named purpose.
- **not looked at**: with the reason.

A member of DescribeTable's answer that is not on this page is "not checked": the pre-flight and the report
say `not compared` with its name, so nothing unknown is ever called equal.
"""
ERRORS = """
## Errors of the calls in use
A request is never repeated after an error that is not listed here.

| error | what it asks for |
|---|---|
"""


def leaves(shape: Shape, path: str = "", within: tuple[str, ...] = ()) -> Iterator[tuple[str, Shape]]:
    """The path of every member of a shape that holds no further ones."""
    if shape.type_name == "structure" and shape.name not in within:
        for name, inner in shape.members.items():
            yield from leaves(inner, f"{path}.{name}" if path else name, (*within, shape.name))
    elif shape.type_name == "list":
        yield from leaves(shape.member, f"{path}[]", within)
    elif shape.type_name == "map":
        yield f"{path}{{}}", shape.value
    else:
        yield path, shape


def errors_in_use() -> dict[str, set[str]]:
    """The codes that the model documents for the calls in use, and for which services."""
    session, found = botocore.session.Session(), {}
    for side in (*ALWAYS.values(), *ASKED.values()):
        for call in side:
            service, _, operation = call.partition(":")
            for shape in session.get_service_model(service).operation_model(operation).error_shapes:
                code = str(shape.metadata.get("error", {}).get("code", shape.name))
                found.setdefault(code, set()).add(service)
    return found


def page() -> str:
    parts = [HEAD.format(version=botocore.__version__)]
    for shape, table in SHAPES:
        parts.append(f"\n## {TITLES[shape]}\n`{shape}`\n\n| member | | |\n|---|---|---|\n")
        parts += [f"| `{path}` | {m.treatment} | {m.words} |\n" for path, m in sorted(table.items())]
    used = errors_in_use()
    parts.append(ERRORS)
    for kind in ErrorClass:
        parts += [
            f"| `{code}`{'' if code in used else ' (of every call)'} | {kind} |\n"
            for code in sorted(CLASSES)
            if CLASSES[code] == kind
        ]
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
