"""The estate of the source as it is to be in the target: names, accounts, regions and ARNs by one rule."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from runbook_lib.aws.session.identity import Identity
from runbook_lib.estate.extract.monitoring import CHILD
from runbook_lib.estate.extract.streams import table_in
from runbook_lib.estate.name_map import DEFAULT, NameMap
from runbook_lib.estate.resource import Estate, Resource, ResourceKind
from runbook_lib.estate.text_parts import Hole, OfPlace, OwnArn, Part, PartedText

ARN = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:(?:\d{12}|\*)?:[^\s\"'<>,;{}()\[\]\\]+")
ACCOUNT = re.compile(r"\d{12}")
# Dimensions whose values are names that the one rule maps.
NAMING = frozenset({
    "TableName", "QueueName", "TopicName", "RuleName", "EventBusName", "ScheduleGroup", "PipeName", "AlarmName",
    "LogGroupName",
})  # fmt: skip
AS_THEY_ARE = frozenset({"Tags", "Description", "AlarmDescription", "DisplayName"})
NAME_MEMBERS = frozenset({"EventBusName", "GroupName"})
ANYONE = ("iam", "sts")


@dataclass(slots=True)
class Rewriting:
    """The rule, for one estate; `parameters` are the names of holes, each given once."""

    estate: Estate
    names: NameMap
    tables: Mapping[str, str]
    source: Identity
    target: Identity
    _own: dict[str, Resource] = field(default_factory=dict)
    _known: dict[str, str] = field(default_factory=dict)
    _quoted: re.Pattern[str] | None = None
    _holes: dict[str, Hole] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._own = {r.arn: r for r in self.estate.resources if r.arn and r.name}
        self._known = {r.name: self.names.of(r)[1] for r in self.estate.resources if r.name}
        self._known |= self.tables
        names = "|".join(re.escape(name) for name in sorted(self._known, key=len, reverse=True))
        self._quoted = re.compile(rf"(?<=[\"'])(?:{names})(?=[\"'])") if names else None

    def whole(self) -> list[Resource]:
        """Every resource with its new name and with texts in parts."""
        return [self._resource(resource) for resource in self.estate.resources]

    def _resource(self, resource: Resource) -> Resource:
        properties = {name: self._value(name, value) for name, value in resource.properties.items()}
        if resource.kind is ResourceKind.ALARM:
            properties |= self._alarm(resource.properties)
        if resource.kind is ResourceKind.DASHBOARD:
            body = resource.properties["DashboardBody"]
            properties["DashboardBody"] = self._dashboard(body)
        policy = self._policy(resource.policy) if resource.policy is not None else None
        key, name = self.names.of(resource)
        return replace(resource, new_key=key, name=name, properties=properties, policy=policy)

    def _value(self, name: str, value: Any) -> Any:
        """A property's value; names of things are mapped, and what is written for people is not touched."""
        if name in AS_THEY_ARE:
            return value
        if name in NAME_MEMBERS and isinstance(value, str):
            return self.names.of_holder(value)
        if isinstance(value, dict):
            return {inner: self._value(inner, each) for inner, each in value.items()}
        if isinstance(value, list):
            return [self._value(name, each) for each in value]
        if not isinstance(value, str):
            return value
        if name == "AlarmRule":
            return self._rule_of_alarms(value)
        if name in ("KmsMasterKeyId", "KmsKeyIdentifier", "KmsKeyArn", "KmsKeyId"):
            return self._key(value)
        return self.text(value)

    def _rule_of_alarms(self, rule: str) -> Any:
        """The rule of a composite alarm with each child under its new name, by name or by ARN."""
        parts: list[Part] = []
        at = 0
        for match in CHILD.finditer(rule):
            which = next(number for number in (1, 2, 3) if match[number] is not None)
            name, (start, end) = match[which], match.span(which)
            new = self.text(name) if name.startswith("arn:") else self.names.new(name)
            parts += [rule[at:start], *(new.parts if isinstance(new, PartedText) else [new])]
            at = end
        return _plain(_merged([*parts, rule[at:]]))

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
                    mapped["AccountId"] = self._account(metric["AccountId"])
                metrics.append(mapped)
            found["Metrics"] = metrics
        return found

    def _dimensions(self, dimensions: list[dict[str, str]]) -> list[dict[str, Any]]:
        return [
            {**d, "Value": self.names.new(d["Value"]) if d["Name"] in NAMING else self.text(d["Value"])}
            for d in dimensions
        ]

    def _dashboard(self, body: Any) -> Any:
        """A body as a text: its structure is mapped first, metrics by the names of their dimensions."""
        if isinstance(body, str):
            return self.text(body)
        return _as_text(self._widget(body))

    def _widget(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._region(v) if name == "region" else self._widget(v) for name, v in value.items()}
        if isinstance(value, list):
            mapped = [self._widget(each) for each in value]
            for at, name in enumerate(value[:-1]):
                if isinstance(name, str) and name in NAMING and isinstance(value[at + 1], str):
                    mapped[at + 1] = self.names.new(value[at + 1])
            return mapped
        return self.text(value) if isinstance(value, str) else value

    def _region(self, value: Any) -> Any:
        return PartedText((OfPlace.REGION,)) if value == self.source.region else value

    def _policy(self, value: Any) -> Any:
        """A policy: accounts and regions too, which stand in principals and conditions."""
        if isinstance(value, dict):
            return {name: self._policy(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._policy(inner) for inner in value]
        if not isinstance(value, str):
            return value
        if ACCOUNT.fullmatch(value):
            return self._account(value)
        return self._region(value) if value == self.source.region else self.text(value)

    def _account(self, account: str) -> PartedText:
        if account == self.source.account:
            return PartedText((OfPlace.ACCOUNT,))
        return PartedText(
            (self._hole(f"Account{account}", account, "another account, which stays what it is", account),)
        )

    def _key(self, key: str) -> Any:
        """A key of AWS's own is in every region; any other has to be named."""
        if key.startswith("alias/aws/") or ":alias/aws/" in key:
            return self.text(key) if key.startswith("arn:") else key
        return PartedText(
            (self._hole("KmsKey", key, "a KMS key of the source: name one of the target's region", None),)
        )

    def text(self, text: str) -> Any:
        """A text with its ARNs and the names in quotation marks mapped; a plain text where nothing is to be said."""
        if text in self._known:
            return self._known[text]
        parts: list[Part] = []
        at = 0
        for match in ARN.finditer(text):
            parts += [self._unquoted(text[at : match.start()]), *self._arn(match[0])]
            at = match.end()
        parts.append(self._unquoted(text[at:]))
        return _plain(_merged(parts))

    def _unquoted(self, text: str) -> str:
        return self._quoted.sub(lambda m: self._known[m[0]], text) if self._quoted and text else text

    def _arn(self, arn: str) -> list[Part]:
        _, _, service, region, account, rest = arn.split(":", 5)
        if (own := self._own.get(arn)) is not None:
            return [OwnArn(own.label, _merged(self._place(arn, self._renamed(own))))]
        if region not in ("", "*", self.source.region) or account not in ("", "*", self.source.account):
            return [self._hole("Arn", arn, "it is of another region or account", arn)]
        if table := table_in(arn):
            new = self.tables.get(table, table)
            return [self._hole(f"Stream {new}", arn, f"the stream of {new}: DescribeTable says LatestStreamArn", None)]
        if service == "kms":
            return [self._hole("KmsKey", arn, "a KMS key of the source: name one of the target's region", None)]
        if service == "dynamodb" and (said := re.match(r"table/([^/]+)", rest)):
            return self._place(arn, f"table/{self.tables.get(said[1], said[1])}{rest[said.end() :]}")
        if not account or "*" in rest or (service in ANYONE and rest == "root") or rest == "event-bus/default":
            return self._place(arn, rest)
        head, mark, name = re.split(r"([:/])(?=[^:/]*$)", rest) if re.search(r"[:/]", rest) else ("", "", rest)
        default = ":".join(
            [
                "arn", self.target.partition, service, region and self.target.region, self.target.account,
                f"{head}{mark}{self.names.new(name)}",
            ]
        )  # fmt: skip
        return [self._hole("Arn", arn, "it is outside of what is written here", default)]

    def _renamed(self, own: Resource) -> str:
        """The last part of an ARN of the estate, with its new names."""
        rest = own.arn.split(":", 5)[5]
        old, (new, _) = own.key, self.names.of(own)
        if own.kind is ResourceKind.RULE:
            bus, _, name = new.partition("/")
            return f"rule/{name}" if bus == DEFAULT else f"rule/{bus}/{name}"
        if own.kind in (ResourceKind.QUEUE, ResourceKind.TOPIC):
            return new
        return rest[: rest.rindex(old)] + new + rest[rest.rindex(old) + len(old) :] if old in rest else rest

    def _place(self, arn: str, rest: str) -> list[Part]:
        _, _, service, region, account, _ = arn.split(":", 5)
        where = [OfPlace.REGION if region == self.source.region else region]
        whose = [OfPlace.ACCOUNT if account == self.source.account else account]
        return ["arn:", OfPlace.PARTITION, f":{service}:", *where, ":", *whose, f":{rest}"]

    def _hole(self, stem: str, of: str, why: str, default: str | None) -> Hole:
        """A parameter, the same one wherever the same is meant."""
        if of not in self._holes:
            last = re.split("[:/]", of)[-1] if stem in ("Arn", "KmsKey") else stem
            words = [stem if stem in ("Arn", "KmsKey") else "", *re.findall(r"[A-Za-z0-9]+", last)]
            name = "".join(word[:1].upper() + word[1:] for word in words)[:200]
            taken = {hole.parameter for hole in self._holes.values()}
            number = 1
            while (called := name if number == 1 else f"{name}{number}") in taken:
                number += 1
            self._holes[of] = Hole(called, f"{why}: in the source {of}" if of != default else why, default)
        return self._holes[of]


def _merged(parts: list[Part]) -> PartedText:
    """Parts with what is plain text put together, and nothing empty."""
    found: list[Part] = []
    for part in parts:
        plain = isinstance(part, str) and not isinstance(part, OfPlace)
        if plain and found and isinstance(found[-1], str) and not isinstance(found[-1], OfPlace):
            found[-1] = found[-1] + str(part)
        elif part != "" or not plain:
            found.append(part)
    return PartedText(tuple(found) or ("",))


def _plain(text: PartedText) -> Any:
    """A text in parts, or as it is where it has but one."""
    (first, *more) = text.parts
    return first if not more and type(first) is str else text


def _as_text(value: Any) -> Any:
    """A structure as one JSON text, in parts where it holds any."""
    texts: list[PartedText] = []

    def marked(inner: Any) -> Any:
        if isinstance(inner, PartedText):
            texts.append(inner)
            return f"\x00{len(texts) - 1}\x00"
        if isinstance(inner, dict):
            return {name: marked(each) for name, each in inner.items()}
        return [marked(each) for each in inner] if isinstance(inner, list) else inner

    pieces = re.split(r"\\u0000(\d+)\\u0000", json.dumps(marked(value)))
    parts: list[Part] = []
    for at, piece in enumerate(pieces):
        parts += texts[int(piece)].parts if at % 2 else [piece]
    return _plain(_merged(parts))
