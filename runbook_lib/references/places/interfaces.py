"""AppSync and API Gateway: data sources, integrations, and the variables of stages."""

from __future__ import annotations

from collections.abc import Iterator

from runbook_lib.aws.reading.listings import (
    DATA_SOURCES,
    GRAPHQL_APIS,
    HTTP_APIS,
    HTTP_INTEGRATIONS,
    HTTP_STAGES,
    REST_APIS,
    REST_RESOURCES,
    REST_STAGES,
)
from runbook_lib.aws.reading.reader import ServiceReader
from runbook_lib.references.places.place import SearchedText, member_texts, texts_of

INTEGRATION = ("uri", "credentials", "requestParameters", "requestTemplates")


def places_of_graphql(reader: ServiceReader) -> Iterator[SearchedText]:
    for api in reader.entries(GRAPHQL_APIS):
        for source in reader.entries(DATA_SOURCES, api["name"], apiId=api["apiId"]):
            table = source.get("dynamodbConfig") or {}
            resource, region = f"{api['name']}/{source.get('name', '')}", str(table.get("awsRegion") or "")
            if table:
                yield SearchedText("AppSync data source", resource, "tableName", str(table.get("tableName")), region)


def places_of_rest(reader: ServiceReader) -> Iterator[SearchedText]:
    for api in reader.entries(REST_APIS):
        for path in reader.entries(REST_RESOURCES, api["name"], restApiId=api["id"], embed=["methods"]):
            for verb, method in (path.get("resourceMethods") or {}).items():
                integration = method.get("methodIntegration") or {}
                held = {f"integration of {verb} {path.get('path')}, {m}": integration.get(m) for m in INTEGRATION}
                yield from member_texts("REST API", api["name"], held)
        for stage in reader.entries(REST_STAGES, api["name"], restApiId=api["id"]):
            for name, value in (stage.get("variables") or {}).items():
                yield SearchedText(
                    "REST API", api["name"], f"stage {stage.get('stageName')}, variable {name}", str(value)
                )


def places_of_http(reader: ServiceReader) -> Iterator[SearchedText]:
    for api in reader.entries(HTTP_APIS):
        name = api.get("Name", "")
        for found in reader.entries(HTTP_INTEGRATIONS, name, ApiId=api["ApiId"]):
            for member in ("IntegrationUri", "RequestParameters", "RequestTemplates"):
                if found.get(member):
                    where = f"integration {found.get('IntegrationId')}, {member}"
                    yield SearchedText("HTTP API", name, where, texts_of(found[member]))
        for stage in reader.entries(HTTP_STAGES, name, ApiId=api["ApiId"]):
            for variable, value in (stage.get("StageVariables") or {}).items():
                yield SearchedText("HTTP API", name, f"stage {stage.get('StageName')}, variable {variable}", str(value))
