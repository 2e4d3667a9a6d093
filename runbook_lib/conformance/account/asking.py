"""One asking from its beginning to its end: register, make, ask, remove, report; whatever happens in between."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from urllib.parse import urlsplit

from runbook_lib.aws.dynamodb.describe.tables import list_tables
from runbook_lib.aws.endpoints import is_local
from runbook_lib.aws.guard.conformance_calls import OwnNames
from runbook_lib.aws.outcome import ACCEPTED, FAILURES, code_of, outcome_of
from runbook_lib.aws.session.identity import Identity
from runbook_lib.aws.session.own_clients import OwnClients, own_clients
from runbook_lib.conformance.account.budget import (
    DEFAULT_LIMIT,
    AskingEstimate,
    SpendingLimits,
    estimate_of,
    spent_at_most,
)
from runbook_lib.conformance.account.removal import Removed, Waiting, register_asking, remove_all
from runbook_lib.conformance.answer import QuestionAnswer
from runbook_lib.conformance.known_deviations import engine_at, known_of
from runbook_lib.conformance.latency import latencies
from runbook_lib.conformance.made.ahead import make_ahead
from runbook_lib.conformance.question import Question
from runbook_lib.conformance.runner import ask_all
from runbook_lib.conformance.shareable import AskingReport, kind_of
from runbook_lib.conformance.subject import Subject
from runbook_lib.conformance.suite import questions_fitting
from runbook_lib.errors import ConfigError
from runbook_lib.version import __version__

Say = Callable[[str], None]
_ENGINE_REQUESTS, _ACCOUNT_REQUESTS = 100, 1000  # whose latency is measured
_SHORTEST_CREDENTIAL = 16  # of AWS; made-up ones may be plain words
_TABLE_PATIENCE, _EXPORT_PATIENCE = 300.0, 3600.0  # seconds, of an account


@dataclass(frozen=True, slots=True)
class Asking:
    """Who is to be asked what, within which limits."""

    region: str
    other_region: str
    bucket: str = ""
    endpoint: str | None = None
    profile: str | None = None
    engine: bool = False
    name: str = ""
    only: str = "*"
    long: bool = False
    kms_key: str | None = None
    limit: float = DEFAULT_LIMIT
    minutes: float = 30.0

    @property
    def regions(self) -> tuple[str, str]:
        return self.region, self.other_region

    def questions(self) -> tuple[Question, ...]:
        found = questions_fitting(*self.only.split(","))
        if not found:
            raise ConfigError(f"--only: expected the id of a question or a glob of some, found {self.only!r}")
        return found

    def estimate(self) -> AskingEstimate:
        return estimate_of(self.questions(), self.region, long=self.long)

    def clients(self, asking: str) -> OwnClients:
        """Clients held to the names of one asking, or without an id to those of all."""
        bucket = self.bucket or f"runbook-conformance-{asking}"
        return own_clients(
            OwnNames(bucket, asking), self.regions, profile=self.profile, endpoint=self.endpoint, engine=self.engine
        )


def new_id() -> str:
    return secrets.token_hex(4)


def is_engine(endpoint: str | None) -> bool:
    """Whether an endpoint is an engine on this machine, which may be asked at once and with made-up credentials."""
    return is_local(endpoint)


def ask_subject(asking: Asking, clients: OwnClients, say: Say, who: Identity | None = None) -> AskingReport:
    """Ask all questions; what was made is removed again, also after an error or an interruption."""
    if asking.engine:
        list_tables(clients.dynamodb)  # where nobody answers, nothing is a deviation
    started, has_bucket = time.time(), _bucket_is_there(asking, clients)
    engine = "AWS" if clients.is_aws else asking.name or engine_at(clients.dynamodb.meta.endpoint_url)
    if has_bucket:
        register_asking(clients, asking.regions, time.time)
    subject = Subject(
        clients, long=asking.long, kms_key=asking.kms_key, has_bucket=has_bucket,
        patience=20.0 if asking.engine else _TABLE_PATIENCE,
        export_patience=60.0 if asking.engine else _EXPORT_PATIENCE,
    )  # fmt: skip
    answers: list[QuestionAnswer] = []
    latency = {}
    try:
        if not asking.engine and asking.only == "*":
            make_ahead(subject)
        limits = SpendingLimits(time.time, started + asking.minutes * 60, asking.limit, clients.sent, asking.region)
        for answer in ask_all(asking.questions(), subject, limits):
            answers.append(answer)
            say(_line(answer))
        if asking.only == "*":
            requests = _ACCOUNT_REQUESTS if clients.is_aws else _ENGINE_REQUESTS
            latency = latencies(subject, requests, time.perf_counter)
    finally:
        removed = remove_all(clients, Waiting(say, pause=0.1 if asking.engine else 5.0), has_bucket=has_bucket)
        if asking.engine and has_bucket:
            clients.s3.delete_bucket(Bucket=clients.names.bucket)
        for line in lines_about(removed):
            say(line)
    cost = None if asking.engine else round(spent_at_most(clients.sent, asking.region), 4)
    return AskingReport(
        engine=engine,
        regions=asking.regions,
        started=started,
        finished=time.time(),
        answers=answers,
        known=known_of(engine),
        durations=subject.durations,
        latency=latency,
        cost_at_most=cost,
        versions={"runbook": __version__, "botocore": version("botocore")},
        private=_private(asking, clients, who),
    )


def _private(asking: Asking, clients: OwnClients, who: Identity | None) -> tuple[str, ...]:
    """What must stand in no report, in whatever an answer says."""
    key = asking.kms_key or ""
    place = urlsplit(asking.endpoint or "")
    known = [asking.bucket, key, key.rpartition("/")[2], place.username, place.password]
    if who is not None:
        known += [who.account, who.arn]
        held = clients.session.get_credentials()
        frozen = held.get_frozen_credentials() if held is not None else None
        held_words = (frozen.access_key, frozen.secret_key, frozen.token) if frozen is not None else ()
        known += [word for word in held_words if word and len(word) >= _SHORTEST_CREDENTIAL]
    return tuple(word for word in known if word)


def _bucket_is_there(asking: Asking, clients: OwnClients) -> bool:
    """Whether there is a bucket: in an engine it is made, in an account it is the one that was given."""
    bucket = clients.names.bucket
    if not asking.engine:
        said = outcome_of(clients.s3.list_objects_v2, Bucket=bucket, Prefix=clients.names.folder)
        if said != ACCEPTED:
            raise ConfigError(f"--bucket: expected one that can be listed under {clients.names.folder}, found {said}")
        return True
    try:
        clients.s3.create_bucket(Bucket=bucket)
    except FAILURES as error:
        return code_of(error) == "BucketAlreadyOwnedByYou"
    return True


def _line(answer: QuestionAnswer) -> str:
    return f"{kind_of(answer):20} {answer.question.id}"


def lines_about(removed: Removed) -> list[str]:
    """What a removal did, in lines."""
    lines = [f"removed {len(removed.tables)} tables and {removed.objects} objects"]
    lines += [f"left, as nothing shows that it was made by this command: {name}" for name in removed.left]
    lines += [f"kept by AWS for 35 days, at no cost: {name}" for name in removed.kept_by_aws]
    lines += [f"remembered by AWS for 90 days, its objects are removed: {name}" for name in removed.remembered]
    return lines
