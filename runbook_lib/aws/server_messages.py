"""What a server says of an error, as far as it may be repeated: never what an item holds.

A proxy, a gateway or a firewall answers with a page of its own, which may show the request that it refused, items and
all. Only an error in AWS's form is repeated, and of its message neither a value of the request nor a word that AWS
would not say (message_words.py). Sources: "Error handling with DynamoDB", Developer Guide; "Error responses", S3 User
Guide.
"""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from runbook_lib.aws.error_classes import CLASSES
from runbook_lib.aws.message_words import said_by_aws
from runbook_lib.items.redact import GONE, take_out

LONGEST = 500
TYPE = re.compile(r"(?:[\w.]{1,80}#)?([A-Z][A-Za-z]{2,60}(?:\.[A-Za-z]{2,60})?)")
ENDINGS = ("Exception", "Error", "Exceeded", "Failure", "Fault", "Throttled", "Denied", "Token", "Unavailable")
STRUCTURE = re.compile(r"[{<].*", re.DOTALL)
QUOTED = re.compile(r"([Vv]alue )'.*'", re.DOTALL)
ITEMS = frozenset(
    {"Item", "Key", "Keys", "ExclusiveStartKey", "ExpressionAttributeValues", "Parameters", "AttributesToGet"}
)


@dataclass(frozen=True, slots=True)
class Spoken:
    """An error's code and message as they may be shown; `data` is the whole answer, for whoever reads on."""

    code: str
    message: str
    data: dict[str, Any]


def spoken(status: int, content: bytes, request: bytes = b"") -> Spoken:
    """What an error answer in JSON says; of one that is not in AWS's form no more than its size."""
    data = _object(content)
    code = _code(data)
    if code is None:
        return Spoken(f"HTTP{status}", withheld(content), {})
    message = data.get("message", data.get("Message"))
    return Spoken(code, repeatable(message if isinstance(message, str) else "", "dynamodb", request), data)


def withheld(content: bytes) -> str:
    """What is said in place of a page that nobody knows the maker of."""
    return f"an answer of {len(content):,} bytes that is no error of AWS's and is not repeated; ask who runs the proxy"


def repeatable(message: str, service: str, request: bytes = b"") -> str:
    """A message without the values that the request held, and without what the service of AWS would not say."""
    held = _parsed(request) if request else {}
    if not isinstance(held, dict):
        return ""  # nobody knows what it held
    message = take_out(message, _values(held))
    message = STRUCTURE.sub(GONE, QUOTED.sub(rf"\1'{GONE}'", message))
    message = said_by_aws(message[: 4 * LONGEST], service, _names(held))
    return message if len(message) <= LONGEST else f"{message[:LONGEST]}{GONE}"


def only_errors_of_aws(operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
    """A handler of botocore's `before-parse`: its parsers put whatever they cannot read into their errors."""
    body, status = response_dict.get("body"), response_dict["status_code"]
    if not isinstance(body, bytes) or not body.strip():
        return
    protocol, service = operation_model.service_model.resolved_protocol, operation_model.service_model.service_name
    if "json" in protocol:
        if status >= 300:
            response_dict["body"] = _json_error(response_dict, body, service)
    elif (root := _xml(body)) is None or (status >= 300 and _error_in(root) is None):
        response_dict["status_code"] = max(status, 502) if status < 300 else status
        response_dict["body"] = (
            f"<ErrorResponse><Error><Code>HTTP{status}</Code><Message>{withheld(body)}</Message></Error></ErrorResponse>"
            if protocol == "query"
            else f"<Error><Code>HTTP{status}</Code><Message>{withheld(body)}</Message></Error>"
        ).encode()
    elif status >= 300:
        response_dict["body"] = _xml_error(root, service)


def _xml_error(root: ET.Element, service: str) -> bytes:
    """An error of S3's or of the query protocol, with its message as it may be shown."""
    for element in root.iter():
        if element.tag.rpartition("}")[2] == "Message":
            element.text = repeatable("".join(element.itertext()), service)
            del element[:]
    return ET.tostring(root)


def _json_error(answer: dict[str, Any], body: bytes, service: str) -> bytes:
    """An error that botocore's parser may have: AWS's own with its message as it may be shown, or none of its text."""
    data = _object(body)
    headers = {str(name).lower() for name in answer.get("headers") or {}}
    if _code(data) is None and not (data and "x-amzn-errortype" in headers):
        return json.dumps({"message": withheld(body)}).encode()
    for name in ("message", "Message"):
        if name in data:
            data[name] = repeatable(data[name] if isinstance(data[name], str) else "", service)
    return json.dumps(data).encode()


def _code(data: dict[str, Any]) -> str | None:
    """The short name of an error in AWS's form."""
    said = data.get("__type")
    match = TYPE.fullmatch(said) if isinstance(said, str) else None
    return match[1] if match and (match[1] in CLASSES or match[1].endswith(ENDINGS)) else None


def _object(content: bytes) -> dict[str, Any]:
    data = _parsed(content)
    return data if isinstance(data, dict) else {}


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _xml(body: bytes) -> ET.Element | None:
    if b"<!DOCTYPE" in body[:2000] or b"<!ENTITY" in body:
        return None  # AWS declares none, and pages do
    try:
        return ET.fromstring(body)
    except (ET.ParseError, ValueError, RecursionError):
        return None


def _error_in(root: ET.Element) -> ET.Element | None:
    """The element that holds code and message, of S3's or of the query protocol's errors."""
    found = root if root.tag.rpartition("}")[2] == "Error" else None
    for inner in root:
        if inner.tag.rpartition("}")[2] in ("Error", "Errors"):
            found = inner if inner.tag.rpartition("}")[2] == "Error" else next(iter(inner), None)
    names = {child.tag.rpartition("}")[2] for child in found} if found is not None else set()
    return found if "Code" in names else None


def _values(value: Any, inside: bool = False) -> Iterator[str]:
    """Every text below an item, a key or a bound value; names of tables and attributes stay."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _values(inner, inside or name in ITEMS)
    elif isinstance(value, list):
        for inner in value:
            yield from _values(inner, inside)
    elif inside and isinstance(value, str):
        yield value


def _names(request: dict[str, Any]) -> Iterator[str]:
    """Names that a request is about: tables, an index, and the attributes of its items, whose names AWS says."""
    yield from (str(request[name]) for name in ("TableName", "IndexName") if name in request)
    batch = request.get("RequestItems")
    for table, writes in batch.items() if isinstance(batch, dict) else ():
        yield table
        for write in writes if isinstance(writes, list) else ():
            for inner in write.values() if isinstance(write, dict) else ():
                yield from _attributes(inner)
    yield from _attributes(request)


def _attributes(holder: Any) -> Iterator[str]:
    for name in ("Item", "Key"):
        held = holder.get(name) if isinstance(holder, dict) else None
        yield from held if isinstance(held, dict) else ()
