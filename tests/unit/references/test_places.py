"""Places of services that the sandbox does not serve, and what is done about refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from runbook_lib.aws.reading.reader import ServiceReader, Unread
from runbook_lib.references.places.events import places_of_events, places_of_pipes
from runbook_lib.references.places.functions import places_of_lambda
from runbook_lib.references.places.interfaces import places_of_graphql, places_of_rest
from runbook_lib.references.places.monitoring import places_of_dashboards
from runbook_lib.references.places.place import SearchedText

SECRET = "s3cret"


class Canned:
    """A client whose operations answer with what they were given, or fail with it."""

    def __init__(self, **answers: Any) -> None:
        self._answers = answers

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def answer(**_: Any) -> Any:
            given = self._answers[operation]
            if isinstance(given, Exception):
                raise given
            return given

        return answer


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": SECRET}}, "Any")


def where(places: list[SearchedText]) -> list[tuple[str, str, str]]:
    return [(place.service, place.resource, place.where) for place in places]


def test_a_data_source_names_its_table_and_region() -> None:
    reader = ServiceReader(
        "source",
        Canned(
            list_graphql_apis={"graphqlApis": [{"name": "shop", "apiId": "1"}]},
            list_data_sources={
                "dataSources": [
                    {"name": "d", "dynamodbConfig": {"tableName": "t", "awsRegion": "eu-west-1"}},
                    {"name": "none"},
                ]
            },
        ),
    )
    (place,) = places_of_graphql(reader)
    assert (place.resource, place.where, place.text, place.region) == ("shop/d", "tableName", "t", "eu-west-1")


def test_a_rest_api_names_a_table_in_templates_and_stage_variables() -> None:
    method = {"methodIntegration": {"uri": "arn:x", "requestTemplates": {"application/json": '{"TableName":"t"}'}}}
    reader = ServiceReader(
        "source",
        Canned(
            get_rest_apis={"items": [{"name": "shop", "id": "1"}]},
            get_resources={"items": [{"path": "/orders", "resourceMethods": {"GET": method}}, {"path": "/"}]},
            get_stages={"item": [{"stageName": "live", "variables": {"TABLE": "t"}}]},
        ),
    )
    assert where(list(places_of_rest(reader))) == [
        ("REST API", "shop", "integration of GET /orders, uri"),
        ("REST API", "shop", "integration of GET /orders, requestTemplates"),
        ("REST API", "shop", "stage live, variable TABLE"),
    ]


def test_variables_that_cannot_be_decrypted_are_not_checked() -> None:
    function = {"FunctionName": "f", "Environment": {"Error": {"ErrorCode": "AccessDenied", "Message": SECRET}}}
    reader = ServiceReader(
        "source",
        Canned(list_functions={"Functions": [function]}, list_event_source_mappings={"EventSourceMappings": []}),
    )
    assert list(places_of_lambda(reader)) == []
    assert reader.unread == [Unread("source", "lambda", "ListFunctions", "AccessDenied", "f")]


def test_an_older_version_of_a_function_is_told_apart() -> None:
    older = {"FunctionName": "f", "Version": "3", "Environment": {"Variables": {"TABLE": "t"}}}
    reader = ServiceReader(
        "source",
        Canned(list_functions={"Functions": [older]}, list_event_source_mappings={"EventSourceMappings": []}),
    )
    assert where(list(places_of_lambda(reader))) == [("function", "f:3", "variable TABLE")]


def test_a_refusal_keeps_its_code_and_loses_its_message() -> None:
    reader = ServiceReader("source", Canned(list_event_buses=refused("AccessDeniedException")))
    assert list(places_of_events(reader)) == []
    assert reader.unread == [Unread("source", "events", "ListEventBuses", "AccessDeniedException")]
    assert SECRET not in repr(reader.unread)


def test_what_is_gone_meanwhile_is_no_refusal_and_what_is_denied_is_one() -> None:
    listed = {"DashboardEntries": [{"DashboardName": "d"}]}
    gone = ServiceReader("source", Canned(list_dashboards=listed, get_dashboard=refused("ResourceNotFound")))
    denied = ServiceReader("source", Canned(list_dashboards=listed, get_dashboard=refused("AccessDenied")))
    assert [*places_of_dashboards(gone), *places_of_dashboards(denied)] == []
    assert (gone.unread, len(denied.unread)) == ([], 1)


def test_a_dashboard_that_is_no_json_is_searched_as_a_text() -> None:
    listed = {"DashboardEntries": [{"DashboardName": "d"}]}
    reader = ServiceReader("source", Canned(list_dashboards=listed, get_dashboard={"DashboardBody": "{ t"}))
    assert [place.text for place in places_of_dashboards(reader)] == ["{ t"]


def test_a_place_does_not_show_its_text() -> None:
    assert SECRET not in repr(SearchedText("function", "f", "variable X", SECRET))


def test_a_list_of_which_two_readings_differ_is_not_checked() -> None:
    class Shrinking(Canned):
        turn = 0

        def list_pipes(self, **_: Any) -> Any:
            self.turn += 1
            return {"Pipes": [{"Name": str(self.turn)}]}

    reader = ServiceReader("source", Shrinking())
    assert list(places_of_pipes(reader)) == []
    assert [each.code for each in reader.unread] == ["CutShort"]
