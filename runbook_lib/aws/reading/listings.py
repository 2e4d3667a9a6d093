"""The lists of other services that are read whole: how each is asked for, and in pages of which two sizes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Listing:
    """One list operation; `members` are the lists in its answer, `size` the parameter for a page's length, if any."""

    service: str
    operation: str
    members: tuple[str, ...]
    size: str = ""
    sizes: tuple[int, int] = (100, 37)
    token: str = "NextToken"
    onward: str = "NextToken"
    kind: str = ""  # what its entries are called where they are counted
    size_is_text: bool = False

    @property
    def call(self) -> str:
        return f"{self.service}:{self.operation}"


FUNCTIONS = Listing(
    "lambda", "ListFunctions", ("Functions",), "MaxItems", (50, 37), "NextMarker", "Marker", kind="function versions"
)
MAPPINGS = Listing(
    "lambda",
    "ListEventSourceMappings",
    ("EventSourceMappings",),
    "MaxItems",
    (100, 37),
    "NextMarker",
    "Marker",
    kind="event-source mappings",
)
PIPES = Listing("pipes", "ListPipes", ("Pipes",), "Limit", kind="pipes")
BUSES = Listing("events", "ListEventBuses", ("EventBuses",), "Limit")
RULES = Listing("events", "ListRules", ("Rules",), "Limit", kind="rules")
RULE_TARGETS = Listing("events", "ListTargetsByRule", ("Targets",), "Limit")
SCHEDULES = Listing("scheduler", "ListSchedules", ("Schedules",), "MaxResults", kind="schedules")
ALARMS = Listing("cloudwatch", "DescribeAlarms", ("MetricAlarms", "CompositeAlarms"), "MaxRecords", kind="alarms")
DASHBOARDS = Listing("cloudwatch", "ListDashboards", ("DashboardEntries",), kind="dashboards")
GRAPHQL_APIS = Listing(
    "appsync",
    "ListGraphqlApis",
    ("graphqlApis",),
    "maxResults",
    (25, 11),
    "nextToken",
    "nextToken",
    kind="GraphQL APIs",
)
DATA_SOURCES = Listing("appsync", "ListDataSources", ("dataSources",), "maxResults", (25, 11), "nextToken", "nextToken")
REST_APIS = Listing(
    "apigateway", "GetRestApis", ("items",), "limit", (500, 37), "position", "position", kind="REST APIs"
)
REST_RESOURCES = Listing("apigateway", "GetResources", ("items",), "limit", (500, 37), "position", "position")
REST_STAGES = Listing("apigateway", "GetStages", ("item",))
HTTP_APIS = Listing("apigatewayv2", "GetApis", ("Items",), "MaxResults", (100, 37), kind="HTTP APIs", size_is_text=True)
HTTP_INTEGRATIONS = Listing("apigatewayv2", "GetIntegrations", ("Items",), "MaxResults", (100, 37), size_is_text=True)
HTTP_STAGES = Listing("apigatewayv2", "GetStages", ("Items",), "MaxResults", (100, 37), size_is_text=True)
ROLES = Listing(
    "iam",
    "GetAccountAuthorizationDetails",
    ("RoleDetailList", "Policies"),
    "MaxItems",
    (500, 137),
    "Marker",
    "Marker",
    kind="roles and policies",
)
QUEUES = Listing("sqs", "ListQueues", ("QueueUrls",), "MaxResults", (1000, 370), kind="queues")
TOPICS = Listing("sns", "ListTopics", ("Topics",), kind="topics")
SUBSCRIPTIONS = Listing("sns", "ListSubscriptionsByTopic", ("Subscriptions",))
LOG_GROUPS = Listing(
    "logs", "DescribeLogGroups", ("logGroups",), "limit", (50, 37), "nextToken", "nextToken", kind="log groups"
)
