"""An answer is about the table that was asked for, or it is none.

A gateway that mixes up two requests gives one table's description for another's: what is built on it exports, fills and
proves the wrong table, and every count agrees. DynamoDB names the table in most of its answers; each that names
another is refused for all callers alike, as a call that has failed. By name only: engines that speak DynamoDB's
protocol have accounts and regions of their own in their ARNs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError

from runbook_lib.aws.guard.touched import plain_name, touched

_ASKED = "runbook-tables-asked-for"
_SERVICES = ("dynamodb", "dynamodbstreams")
_ARNS = ("TableArn", "ExportArn", "ImportArn")


class AnswerOfAnother(BotoCoreError):  # type: ignore[misc]  # botocore has no types
    """An answer about another table; one of botocore's errors, as others of a call."""

    fmt = (
        "{operation} was asked about {asked}, and the answer is about {found}: nothing of it is believed. Run again; "
        "if it stays, the server or a proxy is broken"
    )


def note_asked(params: Mapping[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
    """A handler of botocore's `before-parameter-build`: keeps what a call is about until it is answered."""
    if model.service_model.service_name in _SERVICES:
        named = [plain_name(table) for table in touched(params) if table]
        context[_ASKED] = frozenset(name for name in named if name)


def asked_about(context: Mapping[str, Any] | None) -> frozenset[str]:
    """The tables that a call is about, by their plain names."""
    asked: frozenset[str] = (context or {}).get(_ASKED) or frozenset()
    return asked


def refuse_of_another(
    http_response: Any, parsed: dict[str, Any], model: Any, context: Mapping[str, Any] | None = None, **_: Any
) -> None:
    """A handler of botocore's `after-call`: raises AnswerOfAnother for an answer that names another table."""
    asked = asked_about(context)
    if not asked or http_response.status_code >= 300:
        return
    for found in _named_in(parsed):
        if found not in asked:
            raise AnswerOfAnother(operation=model.name, asked=" and ".join(sorted(asked)), found=found)


def _named_in(parsed: Mapping[str, Any]) -> Iterator[str]:
    """The tables that an answer says it is about: on its first level, and one below."""
    for holder in (parsed, *parsed.values()):
        for said in holder if isinstance(holder, list) else (holder,):
            if isinstance(said, Mapping):
                if isinstance(name := said.get("TableName"), str):
                    yield plain_name(name)
                yield from (name for arn in _ARNS if (name := _in_arn(said.get(arn))))


def _in_arn(arn: Any) -> str:
    return plain_name(arn) if isinstance(arn, str) and ":table/" in arn else ""
