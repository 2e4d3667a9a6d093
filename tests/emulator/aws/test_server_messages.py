"""What a server, or something between, says of an error never brings what items hold into a run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import botocore.parsers
import pytest

from runbook_lib.aws.server_messages import only_errors_of_aws, repeatable, spoken
from tests.support.between import Asked, Said, between
from tests.support.markers import VALUE, VALUES, marked
from tests.support.world import World

ITEM = b'{"id":{"S":"k1"},"ssn":{"S":"078-05-1120"},"n":{"N":"987654"}}'
REQUEST = b'{"RequestItems":{"t":[{"PutRequest":{"Item":' + ITEM + b"}}]}}"


def page(asked: Asked) -> bytes:
    return b"<html><body>Request blocked: " + asked.body + b"</body></html>"


def of_aws(asked: Asked) -> bytes:
    message = f"The request {asked.body.decode(errors='replace')} was refused"
    return json.dumps({"__type": "com.amazonaws.dynamodb.v20120810#AccessDeniedException", "message": message}).encode()


def quoting(asked: Asked) -> bytes:
    """In AWS's form, with what it saw as words of a sentence: of an answer, perhaps, that nobody here has read."""
    message = f"Refused, as the item of {asked.body.decode(errors='replace').replace('{', ' ')} is not allowed"
    return json.dumps({"__type": "com.amazonaws.dynamodb.v20120810#AccessDeniedException", "message": message}).encode()


def almost_of_aws(asked: Asked) -> bytes:
    return json.dumps({"__type": f"Blocked {asked.body.decode(errors='replace')}", "message": "no"}).encode()


def plain(asked: Asked) -> bytes:
    return json.dumps({"message": asked.body.decode(errors="replace"), "error": "blocked"}).encode()


def xml(asked: Asked) -> bytes:
    return b"<Error><Text><![CDATA[" + asked.body + b"]]></Text></Error>"


@pytest.mark.parametrize("make", [page, of_aws, almost_of_aws, plain, xml])
@pytest.mark.parametrize("status", [400, 403, 413, 501])
def test_an_error_page_is_not_repeated(make: Callable[[Asked], bytes], status: int) -> None:
    asked = Asked("BatchWriteItem", "us-east-2", "POST", "/", {}, REQUEST)
    said = spoken(status, make(asked), REQUEST)
    for held in ("078-05-1120", "987654", "Blocked", "html"):
        assert held not in said.code + said.message
    assert said.code == ("AccessDeniedException" if make is of_aws else f"HTTP{status}")


def test_what_aws_says_is_repeated_without_values() -> None:
    def error(message: str) -> bytes:
        return json.dumps({"__type": "x#ValidationException", "message": message}).encode()

    for message in (
        "Item size has exceeded the maximum allowed size",
        "User: arn:aws:iam::111122223333:user/a is not authorized to perform: dynamodb:BatchWriteItem",
        "One or more parameter values were invalid: Type mismatch for key id expected: S actual: N",
    ):
        assert spoken(400, error(message), REQUEST).message == message
    assert spoken(400, error("the number 987654 is not valid"), REQUEST).message == "the number ... is not valid"
    assert "078" not in spoken(400, error("1 error: Value '{t=[Item={ssn=078-05-1120' at 'x'"), b"").message
    assert repeatable("anything", "dynamodb", b"no JSON") == ""


@pytest.mark.parametrize("service", ["dynamodb", "s3", "sts", "lambda"])
def test_of_an_error_in_awss_form_only_words_of_aws_are_shown(service: str) -> None:
    for held in ("Lovelace", "078-05-1120", "555 0199", "2026-01-14", "ada@example.com", "Straße", "987654", "k1b7q"):
        said = repeatable(f"The request is not valid because of {held} in the table", service)
        assert said == "The request is not valid because of ... in the table", said


@pytest.mark.parametrize(
    "message",
    [
        "User: arn:aws:iam::111122223333:user/a is not authorized to perform: dynamodb:Scan on resource: "
        "arn:aws:dynamodb:us-east-1:111122223333:table/orders because no identity-based policy allows the "
        "dynamodb:Scan action",
        "Requested resource not found: Table: orders-v2.x not found",
        "Type mismatch for Index Key owner Expected: S Actual: NULL IndexName: by-owner",
        "One or more parameter values are not valid. A value specified for a secondary index key is not supported. The "
        "AttributeValue for a key attribute cannot contain an empty string value. IndexName: by-owner, IndexKey: owner",
        "The security token included in the request is expired",
        "Access Denied",
        "Throughput exceeds the current capacity of your table or index.",
    ],
)
def test_what_aws_is_known_to_say_is_shown_as_it_is(message: str) -> None:
    assert repeatable(message, "dynamodb") == message


def test_an_arn_is_shown_in_its_place_only() -> None:
    arn = "arn:aws:s3:::customer-lovelace"
    assert arn not in repeatable(f"The item has {arn} in it", "dynamodb")
    assert arn in repeatable(f"User: {arn} is not authorized to perform: s3:GetObject", "s3")


@pytest.mark.parametrize("body", [
    "<Error><Code>AccessDenied</Code><Message>Access to Lovelace <b>078-05-1120</b> is denied</Message></Error>",
    '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Code>AccessDenied</Code><Message>Access '
    "to Lovelace 078-05-1120 is denied</Message></Error></ErrorResponse>",
])  # fmt: skip
def test_an_error_in_xml_is_held_to_the_same(body: str) -> None:
    protocol, service = ("query", "sts") if "sts" in body else ("rest-xml", "s3")
    model = SimpleNamespace(service_model=SimpleNamespace(resolved_protocol=protocol, service_name=service))
    answer = {"body": body.encode(), "status_code": 403, "headers": {}}
    only_errors_of_aws(model, answer)
    said = botocore.parsers.create_parser(protocol).parse(answer, None)["Error"]
    assert said["Code"] == "AccessDenied"
    assert said["Message"] == "Access to ... is denied"


@pytest.mark.parametrize("make", [page, of_aws, quoting, almost_of_aws, plain])
@pytest.mark.parametrize("operation", ["BatchWriteItem", "Scan", "DescribeTable"])
@pytest.mark.few(5)
def test_no_file_of_a_run_and_no_line_of_its_log_repeats_what_a_gateway_shows(
    world: World, make: Callable[[Asked], bytes], operation: str
) -> None:
    """The gateway lets the first requests pass, so that the run comes as far as the step that meets it."""
    from runbook_lib.errors import RunbookError
    from runbook_lib.export.step import export_tables
    from runbook_lib.load.step import import_tables
    from runbook_lib.preflight.step import preflight
    from runbook_lib.report.publish import publish
    from runbook_lib.run.run import open_run
    from runbook_lib.validate.step import validate_tables

    shown = "gateway page " + VALUE
    blocking = False

    def gateway(asked: Asked) -> Said | None:
        if not blocking or asked.operation != operation:
            return None
        request = Asked(asked.operation, "", "", "", {}, asked.body + shown.encode())
        return 403, [("Content-Type", "text/html")], make(request)

    world.pair("a", [marked(n) for n in range(5)])
    with between(world.endpoint, before=gateway) as proxy:
        sides = {side: {"endpoint_url": proxy.endpoint} for side in ("source", "target")}
        run = open_run(str(world.config(**sides)), "m", execute=True)
        preflight(run)
        export_tables(run)
        blocking = True
        told = []
        for step in (import_tables, validate_tables):
            try:
                step(run)
            except RunbookError as error:
                told.append(str(error))
        publish(run.folder, run.ledger, "m", "test")
        run.ledger.close()
    held = {f.name: f.read_bytes() for f in Path(run.folder).rglob("*") if f.is_file()} | {
        "said": " ".join(told).encode()
    }
    assert told
    assert [name for name, data in held.items() if b"gateway page" in data or any(m in data for m in VALUES)] == []
