"""The one rule for texts: ARNs, addresses of queues, and names, regions and accounts in quotation marks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from runbook_lib.aws.session.identity import Identity
from runbook_lib.estate.arn_names import renamed_rest, rest_of
from runbook_lib.estate.extract.streams import table_in
from runbook_lib.estate.name_map import NameMap
from runbook_lib.estate.resource import Estate, Resource
from runbook_lib.estate.text_parts import Hole, OfPlace, OwnArn, Part, PartedText, merged, simplest

ARN = r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:(?:\d{12}|\*|aws|ec2)?:[^\s\"'<>,;{}()\[\]\\]+"
QUEUE_URL = r"https://(?:sqs\.)?(?P<queue_region>[a-z0-9-]+)\.(?:queue\.)?amazonaws\.com(?:\.cn)?/(?P<queue_account>\d{12})/(?P<queue>[A-Za-z0-9_.-]+)"
ACCOUNT = re.compile(r"\d{12}")
OF_NETWORK = re.compile(r"(?:subnet|sg|vpc|vpce|eni|rtb|igw|nat)-[0-9a-f]{8,17}")
ANYONE = ("iam", "sts")
INTEGRATIONS = ("states", "scheduler")  # whose ARNs without an account name an action, and no thing
KEY = "a KMS key of the source: name one of the target's region"
NETWORK = "it is of the source's network: name its counterpart in the target's"


@dataclass(slots=True)
class TextRule:
    """The rule, for one estate; holes are parameters, each given once. `broken` are patterns of ARNs that fit what they
    fitted no more."""

    estate: Estate
    names: NameMap
    tables: Mapping[str, str]
    source: Identity
    target: Identity
    broken: set[str] = field(default_factory=set)
    _own: dict[str, Resource] = field(default_factory=dict)
    _known: dict[str, str] = field(default_factory=dict)
    _marked: re.Pattern[str] = field(default_factory=lambda: re.compile(ARN))
    _holes: dict[str, Hole] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._own = {r.arn: r for r in self.estate.resources if r.arn and r.name}
        self._known = {r.name: self.names.of(r)[1] for r in self.estate.resources if r.name}
        self._known |= self.tables
        quoted = sorted({*self._known, self.source.region, self.source.account}, key=len, reverse=True)
        words = "|".join(map(re.escape, quoted))
        self._marked = re.compile(rf"(?P<arn>{ARN})|{QUEUE_URL}|(?<=[\"'])(?P<word>{words})(?=\\*[\"'])")

    @property
    def known(self) -> Mapping[str, str]:
        """The names of the estate and of the tables, old and new."""
        return self._known

    def text(self, text: str) -> Any:
        """A text with what it names mapped; a plain text where nothing is to be said."""
        if text in self._known:
            return self._known[text]
        if OF_NETWORK.fullmatch(text):
            return PartedText((self.hole(text, text, NETWORK, None),))
        parts: list[Part] = []
        at = 0
        for match in self._marked.finditer(text):
            parts += [text[at : match.start()], *self._found(match)]
            at = match.end()
        return simplest(merged([*parts, text[at:]]))

    def document(self, value: Any) -> Any:
        """A document: its names are its own, and a text that is the source's region or account is one."""
        if isinstance(value, dict):
            return {name: self.document(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.document(inner) for inner in value]
        return self._word(value) if isinstance(value, str) else value

    def policy(self, value: Any) -> Any:
        """A policy: other accounts are in it too, as principals and in conditions."""
        if isinstance(value, dict):
            return {name: self.policy(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.policy(inner) for inner in value]
        if isinstance(value, str) and ACCOUNT.fullmatch(value):
            return self.account(value)
        return self._word(value) if isinstance(value, str) else value

    def account(self, account: str) -> PartedText:
        if account == self.source.account:
            return PartedText((OfPlace.ACCOUNT,))
        why = "another account, which stays what it is"
        return PartedText((self.hole(f"Account{account}", account, why, account),))

    def key(self, key: str) -> Any:
        """A KMS key: one of AWS's own is in every region; any other has to be named."""
        if key.startswith("alias/aws/"):
            return key
        if ":alias/aws/" in key:
            return self.text(key)
        return PartedText((self.hole(f"KmsKey {_last(key)}", key, KEY, None),))

    def secret(self, name: str, where: str) -> PartedText:
        """A value that is not copied: whoever deploys says it."""
        why = f"a value that is not copied, of {where}"
        return PartedText((self.hole(f"Value {name}", f"{where} {name}", why, None, secret=True),))

    def hole(self, words: str, of: str, why: str, default: str | None, *, secret: bool = False) -> Hole:
        """A parameter, the same one wherever the same is meant; what the migration file says of it is its default."""
        if of not in self._holes:
            default = None if secret else self.names.given(of) or default
            name = "".join(w[:1].upper() + w[1:] for w in re.findall(r"[A-Za-z0-9]+", words))[:200]
            taken = {hole.parameter for hole in self._holes.values()}
            number = 1
            while (called := name if number == 1 else f"{name}{number}") in taken:
                number += 1
            said = why if secret or of == default else f"{why}: in the source {of}"
            self._holes[of] = Hole(called, said, default, secret=secret)
        return self._holes[of]

    def _word(self, text: str) -> Any:
        if text == self.source.region:
            return PartedText((OfPlace.REGION,))
        return PartedText((OfPlace.ACCOUNT,)) if text == self.source.account else self.text(text)

    def _found(self, match: re.Match[str]) -> list[Part]:
        if match["arn"]:
            return self._arn(match["arn"])
        if match["queue"]:
            return self._queue(match)
        word = match["word"]
        if word in self._known:
            return [self._known[word]]
        return [OfPlace.REGION if word == self.source.region else OfPlace.ACCOUNT]

    def _queue(self, match: re.Match[str]) -> list[Part]:
        """The address of a queue of the source as that of its counterpart; another one has to be looked at."""
        if (match["queue_region"], match["queue_account"]) != (self.source.region, self.source.account):
            return [self.hole(f"Queue {match['queue']}", match[0], "it is of another region or account", match[0])]
        end = "amazonaws.com.cn" if self.target.partition == "aws-cn" else "amazonaws.com"
        if (name := self._known.get(match["queue"])) is not None:
            return ["https://sqs.", OfPlace.REGION, f".{end}/", OfPlace.ACCOUNT, f"/{name}"]
        name = self.names.new(match["queue"])
        default = f"https://sqs.{self.target.region}.{end}/{self.target.account}/{name}"
        return [self.hole(f"Queue {match['queue']}", match[0], "it is outside of what is written here", default)]

    def _arn(self, arn: str) -> list[Part]:
        _, _, service, region, account, rest = arn.split(":", 5)
        if (own := self._own.get(arn)) is not None:
            return [OwnArn(own.label, merged(self._place(arn, rest_of(own, self.names))))]
        here = region in ("", "*", self.source.region) and account in ("", "*", "aws", "ec2", self.source.account)
        if not here:
            return [self.hole(f"Arn {_after_type(rest)}", arn, "it is of another region or account", arn)]
        if table := table_in(arn):
            return [self._stream(arn, self.tables.get(table, table))]
        if service == "kms" and not rest.startswith("alias/aws/"):
            return [self.hole(f"KmsKey {_last(arn)}", arn, KEY, None)]
        if service == "dynamodb" and (said := re.match(r"table/([^/]+)", rest)):
            new = self.tables.get(said[1]) or (self.names.new(said[1]) if "*" in said[1] else said[1])
            return self._place(arn, f"table/{new}{rest[said.end() :]}")
        return self._outside(arn, service, account, rest)

    def _outside(self, arn: str, service: str, account: str, rest: str) -> list[Part]:
        """What no template here makes: a pattern, something of everybody, or a thing, which is a parameter."""
        renamed = renamed_rest(service, rest, self.names)
        if "*" in rest and service != "s3":
            self._look_for_broken(arn, renamed)
            return self._place(arn, renamed)
        everybody = account in ("aws", "ec2") or (not account and service in INTEGRATIONS) or service == "kms"
        if everybody or (service in ANYONE and rest == "root") or rest in ("event-bus/default", "*"):
            return self._place(arn, rest)
        if service == "s3":
            bucket, slash, objects = rest.partition("/")
            if "*" in bucket:
                return self._place(arn, rest)
            of, default = f"arn:aws:s3:::{bucket}", f"arn:{self.target.partition}:s3:::{self.names.new(bucket)}"
            return [self.hole(f"Arn {bucket}", of, "a bucket, which no template here makes", default), slash + objects]
        _, _, _, region, _, _ = arn.split(":", 5)
        there = (self.target.partition, service, region and self.target.region, account and self.target.account)
        default = ":".join(["arn", *there, renamed])
        return [self.hole(f"Arn {_after_type(rest)}", arn, "it is outside of what is written here", default)]

    def _look_for_broken(self, arn: str, renamed: str) -> None:
        """A pattern that fits things of the estate by their old names has to fit them by their new ones."""
        fitted = [own for said, own in self._own.items() if fnmatchcase(said, arn)]
        if any(not fnmatchcase(rest_of(own, self.names), renamed) for own in fitted):
            self.broken.add(arn)

    def _stream(self, arn: str, table: str) -> Hole:
        begins = self._place(arn, f"table/{table}/stream/")
        hole = self.hole(f"Stream {table}", arn, f"the stream of {table}: DescribeTable says LatestStreamArn", None)
        return Hole(hole.parameter, hole.why, hole.default, PartedText(tuple(begins)))

    def _place(self, arn: str, rest: str) -> list[Part]:
        _, _, service, region, account, _ = arn.split(":", 5)
        where = [OfPlace.REGION if region == self.source.region else region]
        whose = [OfPlace.ACCOUNT if account == self.source.account else account]
        return ["arn:", OfPlace.PARTITION, f":{service}:", *where, ":", *whose, f":{rest}"]


def _after_type(rest: str) -> str:
    """The last part of an ARN without the word for what it is."""
    return re.split("[:/]", rest, maxsplit=1)[-1]


def _last(arn: str) -> str:
    return re.split("[:/]", arn)[-1]
