"""Every member that AWS tells of a resource, by operation: carried, or left out and why.

A test holds these to botocore's models: a member that AWS adds is in neither list, and is found there.
"""

from __future__ import annotations

from collections.abc import Mapping

MADE = "AWS makes it"
STATE = "it is a moment's state and no setting"
NAMED = "it is the name or the place, which are mapped"
NEWER = "CloudFormation has no property for it: it is listed where a resource has it"

QUEUE = {
    "VisibilityTimeout", "MaximumMessageSize", "MessageRetentionPeriod", "DelaySeconds",
    "ReceiveMessageWaitTimeSeconds",
    "RedrivePolicy", "FifoQueue", "ContentBasedDeduplication", "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds",
    "DeduplicationScope", "FifoThroughputLimit", "RedriveAllowPolicy", "SqsManagedSseEnabled", "Policy",
}  # fmt: skip
QUEUE_LEFT = {
    "All": "it is no attribute, it asks for all of them", "QueueArn": NAMED, "CreatedTimestamp": MADE,
    "LastModifiedTimestamp": MADE, "ApproximateNumberOfMessages": STATE, "ApproximateNumberOfMessagesNotVisible": STATE,
    "ApproximateNumberOfMessagesDelayed": STATE,
}  # fmt: skip
TOPIC = {
    "Policy", "DisplayName", "FifoTopic", "ContentBasedDeduplication", "KmsMasterKeyId", "SignatureVersion",
    "TracingConfig", "FifoThroughputScope", "ArchivePolicy",
}  # fmt: skip
TOPIC_LEFT = {
    "TopicArn": NAMED, "Owner": MADE, "SubscriptionsConfirmed": STATE, "SubscriptionsPending": STATE,
    "SubscriptionsDeleted": STATE, "EffectiveDeliveryPolicy": MADE, "BeginningArchiveTime": STATE,
    "DeliveryPolicy": "CloudFormation has no property for it: it is listed where a topic has one",
}  # fmt: skip
SUBSCRIPTION = {
    "Endpoint", "Protocol", "RawMessageDelivery", "FilterPolicy", "FilterPolicyScope", "RedrivePolicy",
    "DeliveryPolicy", "SubscriptionRoleArn", "ReplayPolicy",
}  # fmt: skip
SUBSCRIPTION_LEFT = {
    "SubscriptionArn": NAMED, "TopicArn": NAMED, "Owner": MADE, "PendingConfirmation": STATE,
    "ConfirmationWasAuthenticated": STATE, "SubscriptionPrincipal": MADE, "EffectiveDeliveryPolicy": MADE,
    "ReplayStatus": STATE,
}  # fmt: skip
BUS = {"Description", "KmsKeyIdentifier", "DeadLetterConfig", "Policy", "LogConfig"}
BUS_LEFT = {"Name": NAMED, "Arn": NAMED, "CreationTime": MADE, "LastModifiedTime": MADE, "ManagedBy": MADE}
RULE = {"EventPattern", "State", "Description", "ScheduleExpression", "RoleArn"}
RULE_LEFT = {"Name": NAMED, "Arn": NAMED, "EventBusName": NAMED, "ManagedBy": "a rule of AWS's own is not copied"}
TARGET = {
    "Id", "Arn", "RoleArn", "Input", "InputPath", "InputTransformer", "KinesisParameters", "RunCommandParameters",
    "EcsParameters", "BatchParameters", "SqsParameters", "HttpParameters", "RedshiftDataParameters",
    "SageMakerPipelineParameters", "DeadLetterConfig", "RetryPolicy", "AppSyncParameters",
}  # fmt: skip
SCHEDULE = {
    "ScheduleExpression", "StartDate", "EndDate", "Description", "ScheduleExpressionTimezone", "State", "KmsKeyArn",
    "Target", "FlexibleTimeWindow",
}  # fmt: skip
SCHEDULE_LEFT = {
    "Arn": NAMED, "Name": NAMED, "GroupName": NAMED, "CreationDate": MADE, "LastModificationDate": MADE,
    "ActionAfterCompletion": NEWER,
}  # fmt: skip
SCHEDULE_TARGET = {
    "Arn", "RoleArn", "DeadLetterConfig", "RetryPolicy", "Input", "EcsParameters", "EventBridgeParameters",
    "KinesisParameters", "SageMakerPipelineParameters", "SqsParameters",
}  # fmt: skip
SCHEDULE_TARGET_LEFT = {"EventBridgePutEventsV2Parameters": NEWER, "EventBridgePutRawEventsParameters": NEWER}
PIPE = {
    "Description", "DesiredState", "Source", "SourceParameters", "Enrichment", "EnrichmentParameters", "Target",
    "TargetParameters", "RoleArn", "Tags", "LogConfiguration", "KmsKeyIdentifier",
}  # fmt: skip
PIPE_LEFT = {
    "Arn": NAMED, "Name": NAMED, "CurrentState": STATE, "StateReason": STATE, "CreationTime": MADE,
    "LastModifiedTime": MADE,
}  # fmt: skip
MAPPING = {
    "BatchSize", "MaximumBatchingWindowInSeconds", "ParallelizationFactor", "EventSourceArn", "FilterCriteria",
    "FunctionArn", "DestinationConfig", "MaximumRecordAgeInSeconds", "BisectBatchOnFunctionError",
    "MaximumRetryAttempts", "TumblingWindowInSeconds", "FunctionResponseTypes", "MetricsConfig", "KMSKeyArn",
    "ScalingConfig", "State", "LoggingConfig", "ProvisionedPollerConfig",
}  # fmt: skip
OTHER_SOURCE = "only sources other than tables and queues have it"
MAPPING_LEFT = {
    "UUID": MADE, "EventSourceMappingArn": MADE, "LastModified": MADE, "LastProcessingResult": STATE,
    "StateTransitionReason": STATE, "FilterCriteriaError": STATE,
    "StartingPosition": "LATEST may skip and TRIM_HORIZON replays the import: a parameter without default",
    "StartingPositionTimestamp": OTHER_SOURCE, "Topics": OTHER_SOURCE, "Queues": OTHER_SOURCE,
    "SourceAccessConfigurations": OTHER_SOURCE, "SelfManagedEventSource": OTHER_SOURCE,
    "AmazonManagedKafkaEventSourceConfig": OTHER_SOURCE, "SelfManagedKafkaEventSourceConfig": OTHER_SOURCE,
    "DocumentDBEventSourceConfig": OTHER_SOURCE,
}  # fmt: skip
ALARM = {
    "AlarmDescription", "ActionsEnabled", "OKActions", "AlarmActions", "InsufficientDataActions", "MetricName",
    "Namespace", "Statistic", "ExtendedStatistic", "Dimensions", "Period", "Unit", "EvaluationPeriods",
    "DatapointsToAlarm", "Threshold", "ComparisonOperator", "TreatMissingData", "EvaluateLowSampleCountPercentile",
    "Metrics", "ThresholdMetricId", "EvaluationWindow", "WarmUpConfiguration", "EvaluationCriteria",
    "EvaluationInterval", "ActionConfiguration",
}  # fmt: skip
ALARM_STATE = {
    "AlarmArn": NAMED, "AlarmName": NAMED, "AlarmConfigurationUpdatedTimestamp": MADE, "StateValue": STATE,
    "StateReason": STATE, "StateReasonData": STATE, "StateUpdatedTimestamp": STATE, "StateTransitionedTimestamp": STATE,
}  # fmt: skip
ALARM_LEFT = {
    **ALARM_STATE, "EvaluationState": STATE,
}  # fmt: skip
COMPOSITE = {
    "ActionsEnabled", "AlarmActions", "AlarmDescription", "AlarmRule", "InsufficientDataActions", "OKActions",
    "ActionsSuppressor", "ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod",
    "ActionConfiguration",
}  # fmt: skip
COMPOSITE_LEFT = {
    **ALARM_STATE, "ActionsSuppressedBy": STATE, "ActionsSuppressedReason": STATE,
}  # fmt: skip
LOG_GROUP = {
    "retentionInDays",
    "kmsKeyId",
    "logGroupClass",
    "deletionProtectionEnabled",
    "bearerTokenAuthenticationEnabled",
}
LOG_GROUP_LEFT = {
    "logGroupName": NAMED, "arn": NAMED, "logGroupArn": NAMED, "creationTime": MADE, "metricFilterCount": STATE,
    "storedBytes": STATE, "dataProtectionStatus": "its policy is not carried yet", "inheritedProperties": STATE,
    "retentionPolicyName": "it belongs to the account",
}  # fmt: skip
DASHBOARD = {"DashboardBody"}
DASHBOARD_LEFT = {"DashboardArn": NAMED, "DashboardName": NAMED}

# (service, operation, path of the list within the answer): what is carried, what is left out and why.
CARRIED: Mapping[tuple[str, str, str], tuple[set[str], Mapping[str, str]]] = {
    ("events", "DescribeEventBus", ""): (BUS, BUS_LEFT),
    ("events", "ListRules", "Rules"): (RULE, RULE_LEFT),
    ("events", "ListTargetsByRule", "Targets"): (TARGET, {}),
    ("scheduler", "GetSchedule", ""): (SCHEDULE, SCHEDULE_LEFT),
    ("scheduler", "GetSchedule", "Target"): (SCHEDULE_TARGET, SCHEDULE_TARGET_LEFT),
    ("pipes", "DescribePipe", ""): (PIPE, PIPE_LEFT),
    ("lambda", "ListEventSourceMappings", "EventSourceMappings"): (MAPPING, MAPPING_LEFT),
    ("cloudwatch", "DescribeAlarms", "MetricAlarms"): (ALARM, ALARM_LEFT),
    ("cloudwatch", "DescribeAlarms", "CompositeAlarms"): (COMPOSITE, COMPOSITE_LEFT),
    ("cloudwatch", "GetDashboard", ""): (DASHBOARD, DASHBOARD_LEFT),
    ("logs", "DescribeLogGroups", "logGroups"): (LOG_GROUP, LOG_GROUP_LEFT),
}
