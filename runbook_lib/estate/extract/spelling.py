"""Small helpers of the extraction: AWS's spelling of values as CloudFormation has them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from runbook_lib.estate.resource import Unexpressed

Json = dict[str, Any]


def parsed(text: object) -> Any:
    """A value that AWS gives as JSON in a text; the text itself where it is none."""
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def carried(answer: Mapping[str, Any], members: Iterable[str]) -> Json:
    """The members of an answer that are carried and hold anything."""
    return {name: answer[name] for name in sorted(members) if answer.get(name) not in (None, "", [], {})}


def unknown_attributes(
    what: str, attributes: Mapping[str, Any], known: Collection[str], left: Collection[str]
) -> list[Unexpressed]:
    """What AWS tells of a queue or topic and nobody here knows: no model lists these, so no test can."""
    return [
        Unexpressed(f"{what}, {name}", "this version does not know what it is: check it, and set it by hand")
        for name in unknown_values(attributes, known, left)
    ]


def unknown_values(attributes: Mapping[str, Any], known: Collection[str], left: Collection[str]) -> Json:
    """The same, with what they say: no template carries it, and a comparison has to see it."""
    return {n: v for n, v in sorted(attributes.items()) if v not in (None, "") and n not in known and n not in left}


def typed(text: str) -> Any:
    """A queue's or topic's attribute, which is a text whatever it is: a number, yes or no, a document or a text."""
    if text in ("true", "false"):
        return text == "true"
    if text.lstrip("-").isdecimal():
        return int(text)
    return parsed(text) if text[:1] in "{[" else text


def cloudformation_tags(tags: Any) -> list[Json]:
    """Tags as CloudFormation lists them, in the order of their keys; AWS's own are left out."""
    if isinstance(tags, Mapping):
        pairs = [(str(key), str(value)) for key, value in tags.items()]
    else:
        pairs = [(str(t.get("Key", t.get("key"))), str(t.get("Value", t.get("value")))) for t in tags or ()]
    return [{"Key": key, "Value": value} for key, value in sorted(pairs) if not key.startswith("aws:")]


def capitalized(value: Any, vpc: str) -> Any:
    """Parameters of a task, whose members begin small in the API and large in CloudFormation; `vpc` is one's name."""
    if isinstance(value, list):
        return [capitalized(each, vpc) for each in value]
    if not isinstance(value, dict):
        return value
    names = {name: vpc if name == "awsvpcConfiguration" else name[:1].upper() + name[1:] for name in value}
    return {names[name]: capitalized(each, vpc) for name, each in value.items()}
