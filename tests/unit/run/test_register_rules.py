"""The register of a table's writers: every rule by itself, with tags and bucket in memory."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from runbook_lib.aws.s3.registers import NoTags
from runbook_lib.aws.session.granted_clients import GrantedClients
from runbook_lib.errors import GateFailed, ResumeRefused, TableError, TransferError
from runbook_lib.record.gathered.table_row import section_of
from runbook_lib.record.model.table import Registered
from runbook_lib.run.facts.targets import STOOD_BEFORE, StoodBefore
from runbook_lib.run.witnesses.writers import named_register, write_register
from runbook_lib.run.witnesses.writers import registration as registrations
from runbook_lib.run.witnesses.writers.other_writers import look_for_others, refuse_unless_alone
from runbook_lib.run.witnesses.writers.own_marks import (
    ASKED_FOR,
    IN_USE,
    TAKEN_BACK,
    UNDOING,
    refuse_older_copy,
    say_once,
)
from runbook_lib.run.witnesses.writers.registration import (
    Registration,
    WriterStanding,
    begin_registration,
    registration,
)
from runbook_lib.run.witnesses.writers.write_register import leave, refuse_busy, register, stay_registered
from runbook_lib.run.witnesses.writers.writing_marks import end_marks, marked_end, refuse_beside, starts_of

OWN = "s3://bbb/exports/register"
FOLDER = "exports/register/111122223333.us-east-2/t/"
TABLE: Any = SimpleNamespace(arn="arn:t", table_id="id/1")
PAIR: Any = SimpleNamespace(source="s", target="t")


class Ledger(dict[tuple[str, str], Any]):
    """Facts in memory."""

    def read(self, topic: str, name: str) -> Any:
        return self.get((topic, name))

    def put(self, topic: str, name: str, value: Any) -> None:
        self[topic, name] = json.loads(json.dumps(value))


class Server:
    """Tags of the table and objects by bucket and key; `fails` are the calls that are refused."""

    def __init__(self) -> None:
        self.tag: str | None = None
        self.objects: dict[tuple[str, str], bytes] = {}
        self.fails: set[str] = set()
        self.no_tags: type[TableError] = NoTags
        self.conditions, self.keeps_tags = True, True
        self.before_tagging: Callable[[], None] = lambda: None
        self.clients: list[str] = []

    def register_tag(self, client: Any, arn: str) -> str | None:
        self._fail("tags", self.no_tags)
        return self.tag

    def set_register_tag(self, client: Any, arn: str, place: str) -> None:
        self._fail("tagging", TableError)
        self.before_tagging()
        if self.keeps_tags:
            self.tag = place

    def take_register_tag(self, client: Any, arn: str) -> None:
        self.tag = None

    def create_entry(self, s3: Any, bucket: str, key: str, body: bytes) -> bool:
        self._fail("put", TransferError)
        if self.conditions and (bucket, key) in self.objects:
            return False
        self.objects[bucket, key] = body
        return True

    def list_entries(self, s3: Any, bucket: str, prefix: str) -> list[str]:
        self._fail("list", TransferError)
        return [key for place, key in self.objects if place == bucket and key.startswith(prefix)]

    def read_object(self, s3: Any, bucket: str, key: str, most: int) -> bytes | None:
        return self.objects.get((bucket, key))

    def registrar(self, clients: Any, bucket: str, prefix: str) -> str:
        self.clients.append(f"{bucket}/{prefix}")
        return "s3"

    def remove(self, bucket: str, keys: list[str]) -> None:
        for key in keys:
            self.objects.pop((bucket, key), None)

    def _fail(self, what: str, kind: type[Exception]) -> None:
        if what in self.fails:
            raise kind(f"no {what}")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()
    for name in ("register_tag", "set_register_tag", "take_register_tag", "create_entry", "list_entries"):
        monkeypatch.setattr(write_register.aws, name, getattr(made, name))
    for module in (write_register, registrations):
        monkeypatch.setattr(module, "read_object", made.read_object)
    monkeypatch.setattr(registrations, "registrar", made.registrar)
    monkeypatch.setattr(named_register, "tagger", lambda *_: "tags")
    return made


def run_of(name: str, bucket: str = "bbb", prefix: str = "exports", accept: Any = None) -> Any:
    ledger, staging = Ledger(), SimpleNamespace(bucket=bucket, prefix=prefix)
    return SimpleNamespace(
        id=name,
        folder=f"reports/{name}",
        ledger=SimpleNamespace(get=ledger.read, put=ledger.put),
        granted=GrantedClients(),
        now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        config=SimpleNamespace(
            staging=staging, target_staging=staging, accept=SimpleNamespace(not_checked=accept or {})
        ),
        clients=SimpleNamespace(
            target="client", staging="s3", target_identity=SimpleNamespace(place=["us-east-2", "111122223333"])
        ),
        planned_pairs=lambda: [PAIR],
    )


def entered(server: Server, name: str, **where: str) -> Any:
    run = run_of(name, **where)
    register(run, PAIR, TABLE)
    return run


def known(run: Any) -> Registration:
    found = registration(run, "s")
    assert found is not None
    return found


def test_a_run_enters_itself_under_the_id_of_the_table_and_names_the_place_in_its_tag(server: Server) -> None:
    run = entered(server, "one")
    assert (known(run).standing, known(run).place, known(run).others) == (WriterStanding.ENTERED, OWN, [])
    assert server.tag == OWN
    assert list(server.objects) == [("bbb", f"{FOLDER}id%2F1/one")]
    assert json.loads(server.objects["bbb", f"{FOLDER}id%2F1/one"])["nonce"] == known(run).nonce
    assert server.clients == ["bbb/exports/register/"]
    register(run, PAIR, TABLE)
    assert len(known(run).entries) == len(server.objects) == 1
    told = section_of(Registered, known(run)).model_dump()
    assert told["standing"] == "entered"
    assert "nonce" not in told


def test_a_registration_that_is_begun_stays_the_same(server: Server) -> None:
    run = run_of("one")
    assert registration(run, "s") is None
    begin_registration(run, "s")
    nonce = known(run).nonce
    begin_registration(run, "s")
    register(run, PAIR, TABLE)
    assert known(run).nonce == nonce


def test_runs_with_one_bucket_know_of_each_other(server: Server) -> None:
    first, second = entered(server, "one"), entered(server, "two")
    assert known(second).others == ["one"]
    with pytest.raises(TableError, match="other runs have written to t too: two"):
        refuse_unless_alone(first, PAIR, TABLE, wrote=True)
    leave(second, PAIR, TABLE, server.remove)
    assert server.tag == OWN  # the other one still stands there
    refuse_unless_alone(first, PAIR, TABLE, wrote=True)
    leave(first, PAIR, TABLE, server.remove)
    assert (server.tag, server.objects) == (None, {})


def test_a_run_with_another_bucket_uses_the_register_that_the_table_names(server: Server) -> None:
    entered(server, "one")
    second = entered(server, "two", bucket="elsewhere")
    assert (known(second).place, known(second).others) == (OWN, ["one"])
    assert {bucket for bucket, _ in server.objects} == {"bbb"}


def test_a_tag_that_another_run_sets_meanwhile_is_followed(server: Server) -> None:
    def overtaken() -> None:
        server.before_tagging = lambda: None
        server.tag, server.keeps_tags = "s3://theirs/register", False

    server.before_tagging = overtaken
    run = entered(server, "one")
    assert known(run).place == "s3://theirs/register"
    assert {bucket for bucket, _ in server.objects} == {"bbb", "theirs"}
    refuse_unless_alone(run, PAIR, TABLE, wrote=True)  # its other entry lies elsewhere
    assert known(run).standing == WriterStanding.ENTERED


def test_a_run_stays_in_the_register_where_it_stands_when_the_tag_is_gone(server: Server) -> None:
    server.tag = "s3://theirs/register"
    run = entered(server, "one")
    server.tag = None
    register(run, PAIR, TABLE)
    assert (known(run).place, server.tag) == ("s3://theirs/register", "s3://theirs/register")


def test_a_register_of_another_that_cannot_be_written_ends_it_before_the_first_write(server: Server) -> None:
    server.tag, server.fails = "s3://theirs/register", {"put"}
    with pytest.raises(TransferError, match=r"names s3://theirs/register as the register .* Nothing was written"):
        entered(server, "one")
    server.tag = OWN
    assert known(entered(server, "one")).standing == WriterStanding.NOT_ENTERED


@pytest.mark.parametrize("place", ["nowhere", "s3://bbb/" + "x" * 300, "s3://B!/x", "http://b/x"])
def test_a_tag_that_names_no_place_ends_it_before_the_first_write(server: Server, place: str) -> None:
    server.tag = place
    with pytest.raises(TransferError, match=r"cannot be named in the tag .* take the tag off"):
        entered(server, "one")
    assert server.objects == {}


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda s: s.fails.add("tags"), "no tags"),
        (lambda s: s.fails.add("tagging"), "no tagging"),
        (lambda s: s.fails.add("put"), "no put"),
        (lambda s: setattr(s, "conditions", False), "If-None-Match is ignored"),
    ],
)
def test_without_a_register_of_its_own_a_run_goes_on_and_a_cleanup_refuses(
    server: Server, spoil: Callable[[Server], None], why: str
) -> None:
    spoil(server)
    run = entered(server, "one")
    assert known(run).standing == WriterStanding.NOT_ENTERED
    assert why in str(known(run).why)
    server.fails, server.conditions = set(), True
    with pytest.raises(TableError, match="stands in no register") as caught:
        refuse_unless_alone(run, PAIR, TABLE, wrote=True)
    assert str(caught.value).endswith(f"({known(run).why})")


@pytest.mark.parametrize("killed", [False, True])
def test_what_is_created_in_a_bucket_without_conditions_is_no_older_copy_and_no_entry(
    server: Server, monkeypatch: pytest.MonkeyPatch, killed: bool
) -> None:
    server.conditions = False
    run = run_of("one")

    def gone(*arguments: Any) -> bool:
        server.create_entry(*arguments)
        raise Gone

    if killed:  # before it could be seen that the second one is created, too
        with monkeypatch.context() as patch:
            patch.setattr(write_register.aws, "create_entry", gone)
            with pytest.raises(Gone):
                register(run, PAIR, None)
    for table in (None, None, TABLE, TABLE):
        register(run, PAIR, table)
        assert known(run).standing == WriterStanding.NOT_ENTERED
        assert known(run).entries == []
    refuse_older_copy(run, PAIR)
    assert len(server.objects) == 2
    leave(run, PAIR, TABLE, server.remove)
    assert server.objects == {}


@pytest.mark.parametrize("readings", [0, 1, 2])
def test_where_tags_may_not_be_read_nothing_is_written_unless_the_file_says_so(
    server: Server, monkeypatch: pytest.MonkeyPatch, readings: int
) -> None:
    """The register of another run may be named there, whose cleanup would take this run's items for its own."""
    server.no_tags, read, left = TableError, server.register_tag, iter(range(readings))

    def denied(client: Any, arn: str) -> str | None:
        if next(left, None) is None:
            server.fails = {"tags"}
        return read(client, arn)

    monkeypatch.setattr(write_register.aws, "register_tag", denied)
    with pytest.raises(TransferError, match=r"cannot read that: no tags. Nothing was written now: allow"):
        entered(server, "one")
    left = iter(())
    run = entered(server, "two", accept={"register": ["s*"]})
    assert (known(run).standing, known(run).why) == (WriterStanding.NOT_ENTERED, "no tags")
    with pytest.raises(TransferError, match="cannot read that"):
        entered(server, "three", accept={"register": ["another"], "definition-tags": ["*"]})


def test_a_tag_that_may_not_be_set_and_was_set_by_another_meanwhile_is_followed(server: Server) -> None:
    def overtaken(*_: Any) -> None:
        server.tag = "s3://theirs/register"
        raise TableError("no tagging")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(write_register.aws, "set_register_tag", overtaken)
        run = entered(server, "one")
    assert (known(run).standing, known(run).place) == (WriterStanding.ENTERED, "s3://theirs/register")
    assert {bucket for bucket, _ in server.objects} == {"bbb", "theirs"}


def test_tags_that_could_not_be_read_once_are_not_set_a_moment_later(server: Server) -> None:
    """There may be one, of a register that is not this run's."""
    server.fails = {"tags"}
    create = server.create_entry

    def entering(s3: Any, bucket: str, key: str, body: bytes) -> bool:
        server.fails = set()
        return create(s3, bucket, key, body)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(write_register.aws, "create_entry", entering)
        run = entered(server, "one")
    assert (known(run).standing, server.tag) == (WriterStanding.NOT_ENTERED, None)


def test_a_bucket_is_asked_once_whether_it_heeds_conditions(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    create = server.create_entry

    def counted(s3: Any, bucket: str, key: str, body: bytes) -> bool:
        asked.append(key)
        return create(s3, bucket, key, body)

    monkeypatch.setattr(write_register.aws, "create_entry", counted)
    run = run_of("one")
    for name in ("t", "u", "v"):
        server.tag = None
        pair: Any = SimpleNamespace(source=name, target=name)
        register(run, pair, TABLE)
        register(run, pair, TABLE)
    assert len(asked) == 4  # twice for the first
    assert len(server.clients) == 1


def test_an_entry_of_this_name_that_is_not_this_runs_ends_it(server: Server) -> None:
    entered(server, "one")
    with pytest.raises(TransferError, match="another run of that name"):
        entered(server, "one")
    server.objects = dict.fromkeys(server.objects, b"")
    with pytest.raises(TransferError, match="another run of that name"):
        entered(server, "one")


def test_entries_of_other_tables_of_that_name_say_nothing(server: Server) -> None:
    server.objects["bbb", f"{FOLDER}former/other"] = b"{}"
    run = entered(server, "one")
    assert known(run).others == []
    server.objects["bbb", f"{FOLDER}{ASKED_FOR}/maker"] = b"{}"  # about to make this very table, it may be
    with pytest.raises(TableError, match="maker"):
        refuse_unless_alone(run, PAIR, TABLE, wrote=True)
    server.objects["bbb", f"{FOLDER}former/maker"] = b"{}"  # it has made another one
    refuse_unless_alone(run, PAIR, TABLE, wrote=True)


def test_a_table_that_is_about_to_be_made_has_an_entry_without_a_tag(server: Server) -> None:
    run = run_of("one")
    register(run, PAIR, None)
    assert (server.tag, list(server.objects)) == (None, [("bbb", f"{FOLDER}{ASKED_FOR}/one")])
    assert json.loads(next(iter(server.objects.values())))["table_id"] is None
    assert known(run).standing == WriterStanding.ENTERED
    register(run, PAIR, TABLE)
    assert len(known(run).entries) == 2
    refuse_unless_alone(run, PAIR, TABLE, wrote=True)


def test_a_run_that_was_about_to_make_the_table_is_not_another_to_itself(server: Server) -> None:
    run = run_of("one")
    register(run, PAIR, None)
    server.tag = OWN
    refuse_unless_alone(run, PAIR, TABLE, wrote=False)


def test_a_run_of_the_same_name_that_is_about_to_make_the_table_is_another(server: Server) -> None:
    """As of a CI job on another machine: only an entry that is this run's own is its own."""
    register(run_of("one"), PAIR, None)
    run = entered(server, "one")
    assert known(run).others == ["one"]
    with pytest.raises(TableError, match="other runs have written to t too: one"):
        refuse_unless_alone(run, PAIR, TABLE, wrote=True)


def test_without_a_tag_to_be_set_nothing_is_tagged(server: Server) -> None:
    run = run_of("one")
    register(run, PAIR, TABLE, tag=False)
    assert (server.tag, known(run).standing) == (None, WriterStanding.ENTERED)


@pytest.mark.parametrize("tag", [None, "s3://theirs/register"])
def test_a_cleanup_refuses_where_the_tag_does_not_lead_to_its_entry(server: Server, tag: str | None) -> None:
    run = entered(server, "one")
    server.tag = tag
    with pytest.raises(TableError, match="names s3://theirs" if tag else "is not there"):
        refuse_unless_alone(run, PAIR, TABLE, wrote=True)


def test_a_cleanup_refuses_a_register_that_cannot_be_listed_or_has_lost_its_entry(server: Server) -> None:
    run = entered(server, "one")
    server.fails = {"list"}
    with pytest.raises(TableError, match="cannot be read, so nothing is removed"):
        refuse_unless_alone(run, PAIR, TABLE, wrote=True)
    server.fails = set()
    server.objects.clear()
    with pytest.raises(TableError, match="entries were removed"):
        refuse_unless_alone(run, PAIR, TABLE, wrote=True)


def test_a_run_that_was_never_entered_is_not_alone(server: Server) -> None:
    run = run_of("one")
    with pytest.raises(TableError, match="an older run"):
        refuse_unless_alone(run, PAIR, TABLE, wrote=True)
    begin_registration(run, "s")
    with pytest.raises(TableError, match="stands in no register"):
        refuse_unless_alone(run, PAIR, TABLE, wrote=True)


def test_a_table_that_was_made_and_never_written_to_is_another_s_only_where_its_tag_says_so(server: Server) -> None:
    maker = run_of("maker")
    refuse_unless_alone(maker, PAIR, TABLE, wrote=False)
    begin_registration(maker, "s")
    refuse_unless_alone(maker, PAIR, TABLE, wrote=False)
    entered(server, "other")
    with pytest.raises(TableError, match="other"):
        refuse_unless_alone(maker, PAIR, TABLE, wrote=False)


def test_after_the_last_write_a_run_is_where_the_tag_leads_now(server: Server) -> None:
    run = entered(server, "one")
    server.tag = "s3://theirs/register"
    stay_registered(run, PAIR, TABLE)
    assert (known(run).standing, known(run).place) == (WriterStanding.ENTERED, "s3://theirs/register")
    server.tag, server.fails = "s3://third/register", {"put"}
    stay_registered(run, PAIR, TABLE)
    assert known(run).standing == WriterStanding.NOT_ENTERED
    assert "third" in str(known(run).why)


def test_others_that_cannot_be_listed_are_unknown(server: Server) -> None:
    server.fails = {"list"}
    assert known(entered(server, "one")).others is None


def test_who_has_begun_nothing_leaves_nothing(server: Server) -> None:
    server.tag = OWN
    leave(run_of("one"), PAIR, TABLE, server.remove)
    run = run_of("two")
    begin_registration(run, "s")
    leave(run, PAIR, TABLE, server.remove)
    assert server.tag == OWN


def test_whoever_leaves_a_table_that_is_gone_takes_its_entries_along(server: Server) -> None:
    run = entered(server, "one")
    leave(run, PAIR, None, server.remove)
    assert server.objects == {}


def test_a_bucket_without_a_prefix_has_a_register_too(server: Server) -> None:
    assert known(entered(server, "one", prefix="")).place == "s3://bbb/register"


def writing(server: Server, name: str, **where: str) -> Any:
    run = run_of(name, **where)
    register(run, PAIR, TABLE, writing=True)
    return run


def test_whoever_writes_says_so_until_it_ends(server: Server) -> None:
    first, second = writing(server, "first"), entered(server, "second")
    assert known(second).writing == {"first": f"s3://bbb/{FOLDER}writing.id%2F1/first.1"}
    with pytest.raises(GateFailed, match=r"run 'first' has begun to write to it .*first\.1\): either may put"):
        refuse_beside(second, PAIR, known(second).writing, adds=True)
    end_marks(first, PAIR)
    end_marks(first, PAIR)  # a second time it changes nothing
    register(second, PAIR, TABLE)
    assert known(second).writing == {}
    refuse_beside(second, PAIR, {}, adds=False)


def test_a_run_that_goes_on_writes_again(server: Server) -> None:
    """Of each start only the last counts: one that was killed has ended when the next has."""
    first, second = writing(server, "first"), entered(server, "second")
    register(first, PAIR, TABLE, writing=True)
    register(second, PAIR, TABLE)
    assert list((known(second).writing or {}).values()) == [f"s3://bbb/{FOLDER}writing.id%2F1/first.2"]
    end_marks(first, PAIR)
    register(second, PAIR, TABLE)
    assert known(second).writing == {}
    register(first, PAIR, TABLE, writing=True)
    register(second, PAIR, TABLE)
    assert list(known(second).writing or {}) == ["first"]


def test_marks_of_another_table_of_that_name_and_own_ones_keep_nobody_out(server: Server) -> None:
    other: Any = SimpleNamespace(arn="arn:t", table_id="id/2")
    register(run_of("first"), PAIR, other, writing=True)
    second = writing(server, "second")
    assert known(second).writing == {}
    assert known(second).others == []


def test_an_end_that_cannot_be_said_ends_nothing_else(server: Server) -> None:
    first = run_of("first")
    with marked_end(first, PAIR):
        register(first, PAIR, TABLE, writing=True)
        server.fails.add("put")
    server.fails.clear()
    second = entered(server, "second")
    assert list(known(second).writing or {}) == ["first"]
    with pytest.raises(TransferError, match="went wrong"), marked_end(first, PAIR):
        raise TransferError("went wrong")
    register(second, PAIR, TABLE)
    assert known(second).writing == {}


def test_whoever_leaves_takes_its_marks_along(server: Server) -> None:
    first = writing(server, "writing.first.1")
    end_marks(first, PAIR)
    assert len(server.objects) == 3
    leave(first, PAIR, TABLE, server.remove)
    assert server.objects == {}


def test_a_run_enters_itself_nowhere_while_one_of_its_pre_flight_is_writing(server: Server) -> None:
    first, second = writing(server, "first"), run_of("second")
    STOOD_BEFORE.record(second.ledger, "s", StoodBefore(["first"]))
    with pytest.raises(GateFailed, match="run 'first' has begun to write"):
        refuse_busy(second, PAIR, TABLE, adds=False)
    assert {key.rpartition("/")[2] for _, key in server.objects} == {"first", "first.1"}
    end_marks(first, PAIR)
    refuse_busy(second, PAIR, TABLE, adds=False)


@pytest.mark.parametrize("hidden", [False, True])
def test_a_run_that_was_killed_while_it_began_does_not_keep_itself_out(server: Server, hidden: bool) -> None:
    """It begins anew with the look at who writes; its mark is there, and if `hidden`, was only about to be set."""
    end_marks(first := writing(server, "first"), PAIR)
    second = run_of("second")
    STOOD_BEFORE.record(second.ledger, "s", StoodBefore(["first"]))
    if hidden:
        register(second, PAIR, TABLE)
        killed_after_its_mark(server, second)
    else:
        begun_again(second)
    mine = copied(second)
    refuse_busy(mine, PAIR, TABLE, adds=False)
    assert known(mine) == known(second)
    elsewhere = run_of("second")
    STOOD_BEFORE.record(elsewhere.ledger, "s", StoodBefore(["first"]))
    with pytest.raises(GateFailed, match="run 'second' has begun to write"):
        refuse_busy(elsewhere, PAIR, TABLE, adds=False)
    begun_again(first)
    with pytest.raises(GateFailed, match="run 'first' has begun to write"):
        refuse_busy(mine, PAIR, TABLE, adds=False)


def test_a_mark_is_of_one_table_and_no_entry_of_a_run_that_is_called_like_it(server: Server) -> None:
    writing(server, "first")
    keys = [key for _, key in server.objects]
    assert list(starts_of(FOLDER, keys, TABLE).open) == ["first"]
    other: Any = SimpleNamespace(arn="arn:t", table_id="id/2")
    assert starts_of(FOLDER, keys, other).open == {}
    register(run_of("first.1"), PAIR, None)  # about to make a table of that name
    assert known(entered(server, "second")).others == ["first", "first.1"]


def copied(run: Any) -> Any:
    """A run that goes on from a copy of another's folder, as it is now."""
    made = run_of(run.id)
    ledger = copy.deepcopy(run.ledger.get.__self__)
    made.ledger = SimpleNamespace(get=ledger.read, put=ledger.put)
    return made


def begun_again(run: Any) -> None:
    register(run, PAIR, TABLE, writing=True)


@pytest.mark.parametrize(
    "since",
    [
        begun_again,
        lambda run: end_marks(run, PAIR),
        *(lambda run, mark=mark: say_once(run, PAIR, "id/1", mark) for mark in (UNDOING, TAKEN_BACK, IN_USE)),
    ],
    ids=["begun", "ended", "undoing", "taken-back", "in-use"],
)
def test_a_copy_of_a_run_is_refused_once_the_run_has_gone_on(server: Server, since: Callable[[Any], None]) -> None:
    run = writing(server, "first")
    older = copied(run)
    refuse_older_copy(older, PAIR)
    since(run)
    there = dict(server.objects)
    for look in (
        lambda: refuse_older_copy(older, PAIR),
        lambda: look_for_others(older, PAIR, TABLE),
        lambda: refuse_unless_alone(older, PAIR, TABLE, wrote=True),
    ):
        with pytest.raises(ResumeRefused, match=r"first is an older copy of the run's folder, and the run has gone on"):
            look()
    assert server.objects == there
    begun_again(run)
    end_marks(run, PAIR)
    refuse_older_copy(run, PAIR)
    refuse_unless_alone(run, PAIR, TABLE, wrote=True)


def test_a_copy_that_has_not_looked_is_refused_by_the_condition_of_its_mark(server: Server) -> None:
    run = entered(server, "first")
    older = copied(run)
    begun_again(run)
    there = dict(server.objects)
    server.fails.add("list")
    with pytest.raises(ResumeRefused, match=r"has .*writing\.id%2F1/first\.1 of this run, and its ledger"):
        begun_again(older)
    assert server.objects == there
    server.fails.clear()
    with pytest.raises(ResumeRefused, match="older copy"):  # what it was about to say is still not its own
        refuse_older_copy(older, PAIR)


def test_what_the_copy_has_done_stops_the_other_one(server: Server) -> None:
    run = writing(server, "first")
    begun_again(copied(run))
    with pytest.raises(ResumeRefused, match="older copy"):
        refuse_older_copy(run, PAIR)


def test_a_copy_of_a_run_that_was_cleaned_up_writes_nothing(server: Server) -> None:
    run = writing(server, "first")
    older = copied(run)
    leave(run, PAIR, TABLE, server.remove)
    look_for_others(older, PAIR, TABLE)  # to compare is no harm
    with pytest.raises(ResumeRefused, match=r"should have this run's own entry .*id%2F1/first, and it is not there"):
        begun_again(older)


def test_of_a_run_of_its_name_in_another_table_of_that_name_nothing_is_known(server: Server) -> None:
    other: Any = SimpleNamespace(arn="arn:t", table_id="id/2")
    register(run_of("first"), PAIR, other, writing=True)
    run = writing(server, "first")
    refuse_older_copy(run, PAIR)
    assert known(run).others == []


def test_what_a_run_says_of_another_table_is_its_own_by_its_nonce(server: Server) -> None:
    """ImportTable makes the table after the run has entered itself: the older copy knows no id."""
    run = run_of("first")
    register(run, PAIR, None)
    older = copied(run)
    register(run, PAIR, TABLE)
    with pytest.raises(ResumeRefused, match=r"has .*id%2F1/first of this run"):
        refuse_older_copy(older, PAIR)


class Gone(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("moment", range(1, 25))
def test_a_run_that_is_killed_at_any_moment_is_no_stranger_to_itself(
    server: Server, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    """Before each write of its ledger and after, and before each object is created and after."""
    run, left = run_of("first"), [moment]

    def pass_moment() -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Gone

    def mortal(act: Callable[..., Any]) -> Callable[..., Any]:
        def acting(*arguments: Any) -> Any:
            pass_moment()
            done = act(*arguments)
            pass_moment()
            return done

        return acting

    def life() -> None:
        begun_again(run)
        say_once(run, PAIR, "id/1", IN_USE)
        end_marks(run, PAIR)

    with monkeypatch.context() as patch:
        patch.setattr(write_register.aws, "create_entry", mortal(server.create_entry))
        patch.setattr(run.ledger, "put", mortal(run.ledger.put))
        with pytest.raises(Gone):
            life()
    run.granted = GrantedClients()
    life()
    refuse_older_copy(run, PAIR)
    refuse_unless_alone(run, PAIR, TABLE, wrote=True)
    assert known(entered(server, "second")).writing == {}
    older = copied(run)
    begun_again(run)
    with pytest.raises(ResumeRefused, match="older copy"):
        refuse_older_copy(older, PAIR)
    leave(run, PAIR, TABLE, server.remove)
    assert {key.rpartition("/")[2] for _, key in server.objects} == {"second"}


def killed_after_its_mark(server: Server, run: Any) -> None:
    """The mark is there, and the ledger knows only that it was about to be."""

    def created(*arguments: Any) -> bool:
        server.create_entry(*arguments)
        raise Gone

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(write_register.aws, "create_entry", created)
        with pytest.raises(Gone):
            begun_again(run)


def test_each_start_is_another_mark_though_a_kill_hid_the_one_before(server: Server) -> None:
    run = entered(server, "first")
    killed_after_its_mark(server, run)
    older = copied(run)
    refuse_older_copy(older, PAIR)
    begun_again(run)
    with pytest.raises(ResumeRefused, match=r"has .*first\.2 of this run"):
        refuse_older_copy(older, PAIR)


def test_what_a_copy_was_about_to_say_when_it_was_killed_is_not_its_own(server: Server) -> None:
    run = entered(server, "first")
    older = copied(run)
    begun_again(run)
    killed_after_its_mark(server, older)  # there was one, so that it has created none
    with pytest.raises(ResumeRefused, match=r"has .*first\.1 of this run"):
        refuse_older_copy(older, PAIR)


def test_what_a_run_was_about_to_enter_when_it_was_killed_is_not_another_s_before_it_has_written(
    server: Server,
) -> None:
    entered(server, "first")
    run = run_of("second")
    killed_after_its_mark(server, run)  # the first object is its entry
    with pytest.raises(TableError, match=r"other runs have written to t too: first\. "):
        refuse_unless_alone(run, PAIR, TABLE, wrote=False)


def test_whoever_leaves_after_a_kill_takes_along_what_it_was_about_to_say(server: Server) -> None:
    run = entered(server, "first")
    killed_after_its_mark(server, run)
    leave(run, PAIR, None, server.remove)  # the table is gone, so that nobody looks into its register once more
    assert server.objects == {}
