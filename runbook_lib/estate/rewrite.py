"""The estate of the source as it is to be in the target: names, accounts, regions and ARNs by one rule."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from runbook_lib.aws.session.identity import Identity
from runbook_lib.estate.extract.monitoring import CHILD
from runbook_lib.estate.name_map import NameMap
from runbook_lib.estate.resource import Estate, Resource, ResourceKind, Unexpressed
from runbook_lib.estate.still_old import old_words, still_old
from runbook_lib.estate.text_parts import Part, as_json_text, merged, parts_of, simplest
from runbook_lib.estate.text_rule import ACCOUNT, TextRule

# Dimensions whose values are names that the one rule maps.
NAMING: Mapping[str, ResourceKind | None] = {
    "LogGroupName": ResourceKind.LOG_GROUP,
    **dict.fromkeys((
        "TableName", "QueueName", "TopicName", "RuleName", "EventBusName", "ScheduleGroup", "PipeName", "AlarmName",
        "FunctionName", "StreamName", "DeliveryStreamName",
    )),
}  # fmt: skip
AS_THEY_ARE = frozenset({"Tags", "Description", "AlarmDescription", "DisplayName"})
CLOSED = frozenset({"Protocol", "Statistic", "ComparisonOperator", "Namespace", "MetricName", "Unit"})
HOLDERS = frozenset({"EventBusName", "GroupName"})
DOCUMENTS = frozenset({"EventPattern", "FilterPolicy"})
KEYS = frozenset({"KmsMasterKeyId", "KmsKeyIdentifier", "KmsKeyArn", "KmsKeyId"})
BROKEN = "a pattern fits names of the source that are called otherwise in the target: set it by hand"
# Of calls over HTTP and of tasks; what begins with $ is taken from the event.
VALUES = frozenset({"HeaderParameters", "QueryStringParameters"})


@dataclass(slots=True)
class Rewriting:
    """The rule, for one estate; `said` is what of its texts still names the source."""

    estate: Estate
    names: NameMap
    tables: Mapping[str, str]
    source: Identity
    target: Identity
    said: list[Unexpressed] = field(default_factory=list)
    _rule: TextRule | None = None
    _at: str = ""

    @property
    def rule(self) -> TextRule:
        if self._rule is None:
            self._rule = TextRule(self.estate, self.names, self.tables, self.source, self.target)
        return self._rule

    def whole(self) -> list[Resource]:
        """Every resource with its new name and with texts in parts."""
        words = old_words(self.rule)
        made = []
        for resource in self.estate.resources:
            new = self._resource(resource)
            held = {n: v for n, v in new.properties.items() if n not in AS_THEY_ARE}
            self.said += still_old(resource.label, held | {"Policy": new.policy}, words)
            self.said += [Unexpressed(resource.label, f"{BROKEN}: {arn}") for arn in sorted(self.rule.broken)]
            self.rule.broken.clear()
            made.append(new)
        return made

    def _resource(self, resource: Resource) -> Resource:
        self._at = resource.label
        properties = {name: self._property(name, value) for name, value in resource.properties.items()}
        if resource.kind is ResourceKind.ALARM:
            properties |= self._alarm(resource.properties)
        policy = self.rule.policy(resource.policy) if resource.policy is not None else None
        key, name = self.names.of(resource)
        beside = {name: self._property(name, value) for name, value in resource.beside.items()}
        return replace(resource, new_key=key, name=name, properties=properties, policy=policy, beside=beside)

    def _property(self, name: str, value: Any) -> Any:
        """A property of a resource; what is written for people is not touched."""
        if name in AS_THEY_ARE:
            return value
        if name == "DashboardBody":
            return self.rule.text(value) if isinstance(value, str) else as_json_text(self._widget(value))
        return self._value(name, value)

    def _value(self, name: str, value: Any) -> Any:
        """A value within a property."""
        if name in DOCUMENTS:
            return self.rule.document(value)
        if name in VALUES and isinstance(value, dict):
            return {inner: self._hidden(inner, each) for inner, each in value.items()}
        if name == "Environment" and isinstance(value, list):
            return [self._variable(each, "Name", "Value") for each in value]
        if isinstance(value, dict):
            return {inner: self._value(inner, each) for inner, each in value.items()}
        if isinstance(value, list):
            return [self._value(name, each) for each in value]
        if not isinstance(value, str) or name in CLOSED:
            return value
        return self._of_text(name)(value)

    def _of_text(self, name: str) -> Callable[[str], Any]:
        """How the text of a property is mapped."""
        if name in HOLDERS:
            return self.names.of_holder
        if name == "AlarmRule":
            return self._rule_of_alarms
        if name == "ActionsSuppressor":
            return self._alarm_named
        if name in KEYS:
            return self.rule.key
        return self._input if name == "Input" else self.rule.text

    def _hidden(self, name: str, value: Any) -> Any:
        """A header or a parameter of a call, which may be a password."""
        if not isinstance(value, str) or value.startswith("$"):
            return value
        return self.rule.secret(name, self._at)

    def _variable(self, variable: Any, name: str, value: str) -> Any:
        """A variable of a task without what it holds."""
        if not isinstance(variable, dict) or value not in variable:
            return variable
        return variable | {value: self.rule.secret(str(variable.get(name)), self._at)}

    def _input(self, text: str) -> Any:
        """What is handed to a target; of a task's overrides without the values of its variables."""
        try:
            body = json.loads(text)
        except ValueError:
            return self.rule.text(text)
        overrides = body.get("containerOverrides") if isinstance(body, dict) else None
        if not isinstance(overrides, list) or not any(isinstance(o, dict) and o.get("environment") for o in overrides):
            return self.rule.text(text)
        mapped = self.rule.document(body)
        for override, old in zip(mapped["containerOverrides"], overrides, strict=True):
            if isinstance(old, dict) and isinstance(old.get("environment"), list):
                override["environment"] = [self._variable(each, "name", "value") for each in old["environment"]]
        return as_json_text(mapped)

    def _alarm_named(self, name: str) -> Any:
        return self.rule.text(name) if name.startswith("arn:") else self.names.new(name)

    def _rule_of_alarms(self, rule: str) -> Any:
        """The rule of a composite alarm with each child under its new name, by name or by ARN."""
        parts: list[Part] = []
        at = 0
        for match in CHILD.finditer(rule):
            which = next(number for number in (1, 2, 3) if match[number] is not None)
            start, end = match.span(which)
            parts += [rule[at:start], *parts_of(self._alarm_named(match[which]))]
            at = end
        return simplest(merged([*parts, rule[at:]]))

    def _alarm(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if "Dimensions" in properties:
            found["Dimensions"] = self._dimensions(properties["Dimensions"])
        if "Metrics" in properties:
            metrics = []
            for metric in properties["Metrics"]:
                mapped = {name: self._value(name, value) for name, value in metric.items()}
                stat = metric.get("MetricStat")
                if stat and stat["Metric"].get("Dimensions"):
                    inner = stat["Metric"] | {"Dimensions": self._dimensions(stat["Metric"]["Dimensions"])}
                    mapped["MetricStat"] = stat | {"Metric": inner}
                if ACCOUNT.fullmatch(str(metric.get("AccountId", ""))):
                    mapped["AccountId"] = self.rule.account(metric["AccountId"])
                metrics.append(mapped)
            found["Metrics"] = metrics
        return found

    def _dimensions(self, dimensions: list[dict[str, str]]) -> list[dict[str, Any]]:
        return [
            {**d, "Value": self._named(d["Name"], d["Value"]) if d["Name"] in NAMING else self.rule.text(d["Value"])}
            for d in dimensions
        ]

    def _named(self, dimension: str, value: str) -> str:
        kind = NAMING[dimension]
        return self.names.of_kind(kind, value) if kind else self.names.new(value)

    def _widget(self, value: Any) -> Any:
        """A dashboard's body: metrics by the names of their dimensions, and what is of the source's place."""
        if isinstance(value, dict):
            return {name: self._widget(inner) for name, inner in value.items()}
        if not isinstance(value, list):
            return self.rule.document(value)
        mapped = [self._widget(each) for each in value]
        for at, name in enumerate(value[:-1]):
            if isinstance(name, str) and name in NAMING and isinstance(value[at + 1], str):
                mapped[at + 1] = self._named(name, value[at + 1])
        return mapped
