"""What may be read of the services around the tables, one by one; nothing of them is ever changed."""

from __future__ import annotations

# For runbook references and the pre-flight's look at who names a table: on both sides.
REFERENCE_READS = frozenset(
    {
        "apigateway:GetResources",
        "apigateway:GetRestApis",
        "apigateway:GetStages",
        "apigatewayv2:GetApis",
        "apigatewayv2:GetIntegrations",
        "apigatewayv2:GetStages",
        "appsync:ListDataSources",
        "appsync:ListGraphqlApis",
        "cloudwatch:DescribeAlarms",
        "cloudwatch:GetDashboard",
        "cloudwatch:ListDashboards",
        "dynamodb:DescribeKinesisStreamingDestination",
        "events:ListEventBuses",
        "events:ListRules",
        "events:ListTargetsByRule",
        "lambda:ListEventSourceMappings",
        "lambda:ListFunctions",
        "pipes:ListPipes",
        "scheduler:GetSchedule",
        "scheduler:ListSchedules",
    }
)
# With references.roles: what the roles of the account allow on which tables.
ROLE_READS = frozenset({"iam:GetAccountAuthorizationDetails"})
# For runbook surroundings, on the source, and on the target where both are compared. No message is ever received.
SURROUNDING_READS = frozenset(
    {
        "cloudwatch:DescribeAlarms",
        "cloudwatch:GetDashboard",
        "cloudwatch:ListDashboards",
        "cloudwatch:ListTagsForResource",
        "dynamodb:DescribeTable",
        "events:DescribeEventBus",
        "events:ListEventBuses",
        "events:ListRules",
        "events:ListTagsForResource",
        "events:ListTargetsByRule",
        "lambda:ListEventSourceMappings",
        "logs:DescribeLogGroups",
        "logs:ListTagsForResource",
        "pipes:DescribePipe",
        "pipes:ListPipes",
        "scheduler:GetSchedule",
        "scheduler:ListSchedules",
        "sns:GetSubscriptionAttributes",
        "sns:GetTopicAttributes",
        "sns:ListSubscriptionsByTopic",
        "sns:ListTagsForResource",
        "sns:ListTopics",
        "sqs:GetQueueAttributes",
        "sqs:GetQueueUrl",
        "sqs:ListQueueTags",
        "sqs:ListQueues",
    }
)
# With catch_up.by: streams, of the sources' own streams; none is ever turned on or off.
STREAM_READS = frozenset(
    {
        "dynamodbstreams:DescribeStream",
        "dynamodbstreams:GetRecords",
        "dynamodbstreams:GetShardIterator",
    }
)
