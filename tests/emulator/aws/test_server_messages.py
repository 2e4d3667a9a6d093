"""What a server, or something between, says of an error never brings what items hold into a run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from runbook_lib.aws.server_messages import repeatable, spoken
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
    assert spoken(400, error("the number 987654 is odd"), REQUEST).message == "the number ... is odd"
    assert "078" not in spoken(400, error("1 error: Value '{t=[Item={ssn=078-05-1120' at 'x'"), b"").message
    assert repeatable("anything", b"no JSON") == ""


@pytest.mark.parametrize("make", [page, of_aws, almost_of_aws, plain])
@pytest.mark.parametrize("operation", ["BatchWriteItem", "Scan", "DescribeTable"])
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
