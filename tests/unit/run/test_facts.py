"""Whatever a run records comes back as it was, and what was never recorded like that is refused."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import runbook_lib
from runbook_lib.config.check_ids import CheckId, DefinitionId
from runbook_lib.errors import LedgerError
from runbook_lib.run.facts.codec import Unfit, late, reader_of, to_json
from runbook_lib.run.facts.topic import Note, Topic
from runbook_lib.run.ledger import Ledger
from tests.support.examples import examples


def _places() -> Iterator[tuple[str, Topic[Any] | Note[Any]]]:
    for module in pkgutil.walk_packages(runbook_lib.__path__, "runbook_lib."):
        if module.name.startswith(("runbook_lib.run.", "runbook_lib.plan.")):
            for name, value in vars(importlib.import_module(module.name)).items():
                if isinstance(value, (Topic, Note)):
                    yield name, value


PLACES = dict(_places())
# A property's id that is spelled like a look's would come back as the look's: no definition has such a property.
st.register_type_strategy(DefinitionId, st.text().filter(lambda text: text not in {*CheckId}).map(DefinitionId))
OBJECTS = {name: place.kind for name, place in PLACES.items() if is_dataclass(place.kind)}


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class Leaf:
    size: int
    colour: Colour = Colour.RED


@dataclass(frozen=True, slots=True)
class Tree:
    name: str
    leaves: tuple[Leaf, ...] = ()
    span: tuple[str, float] | None = None
    grown: bool | None = late()
    twigs: dict[str, Leaf] | None = late()
    below: tuple[Tree, ...] = ()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(tmp_path / "ledger.sqlite")
    yield made
    made.close()


def test_the_facts_of_every_stage_are_found() -> None:
    assert len(PLACES) > 35
    assert {"EXPORTS", "IMPORTS", "VALIDATIONS", "WINDOWS", "REGISTRATIONS", "ATTEMPTS", "STARTED"} <= PLACES.keys()


def test_no_two_kinds_of_facts_lie_in_one_place() -> None:
    notes = [(note.topic, note.name) for note in PLACES.values() if isinstance(note, Note)]
    topics = {topic.topic: topic.others for topic in PLACES.values() if isinstance(topic, Topic)}
    assert len(notes) == len(set(notes))
    assert len(topics) == sum(isinstance(place, Topic) for place in PLACES.values())
    assert [note for note in notes if note[0] in topics and note[1] not in topics[note[0]]] == []


@pytest.mark.parametrize("name", sorted(PLACES))
@settings(max_examples=examples(6), deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_fact_comes_back_as_it_was(name: str, data: st.DataObject) -> None:
    fact = data.draw(st.from_type(PLACES[name].kind))
    assert repr(reader_of(PLACES[name].kind)(json.loads(json.dumps(to_json(fact))))) == repr(fact)


@pytest.mark.parametrize("name", sorted(OBJECTS))
@settings(max_examples=examples(3), deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_fact_with_a_member_that_it_should_not_have_is_refused(name: str, data: st.DataObject) -> None:
    written = to_json(data.draw(st.from_type(OBJECTS[name])))
    with pytest.raises(Unfit, match="nobody_s should not be there"):
        reader_of(OBJECTS[name])(written | {"nobody_s": 1})
    member = data.draw(st.sampled_from([f.name for f in fields(OBJECTS[name])]))
    with pytest.raises(Unfit, match=member):
        reader_of(OBJECTS[name])(written | {member: {"neither": ["this", "nor", {"that": None}]}})


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"name": 1}, "name should be a text and is 1"),
        ({"name": None}, "name should be a text and is None"),
        ({}, "name should be there"),
        ({"name": "t", "leafs": []}, "leafs should not be there"),
        ({"name": "t", "leaves": {}}, "leaves should be a list and is {}"),
        ({"name": "t", "leaves": [{"size": 1}, {"size": True}]}, "leaves.1.size should be a whole number and is True"),
        ({"name": "t", "leaves": [{"size": 1.0}]}, "leaves.0.size should be a whole number and is 1.0"),
        ({"name": "t", "leaves": [{"size": "7"}]}, "leaves.0.size should be a whole number and is '7'"),
        ({"name": "t", "leaves": [{"size": 1, "colour": "Red"}]}, "leaves.0.colour should be one of red, blue and is"),
        ({"name": "t", "span": ["a"]}, "span should be a list of 2"),
        ({"name": "t", "span": ["a", "b"]}, "span.1 should be a number and is 'b'"),
        ({"name": "t", "grown": 1}, "grown should be true or false and is 1"),
        ({"name": "t", "twigs": {"x": {"size": "long" * 40}}}, "twigs.x.size should be a whole number and is 'long"),
        ({"name": "t", "below": [{"name": "u", "below": [{}]}]}, "below.0.below.0.name should be there"),
        ([], "it should be an object and is []"),
    ],
)
def test_what_does_not_fit_is_named_by_the_way_to_it(value: object, why: str) -> None:
    with pytest.raises(Unfit) as caught:
        reader_of(Tree)(value)
    assert str(caught.value).startswith(why)
    assert len(str(caught.value)) < 140


def test_a_late_member_is_not_written_as_long_as_it_is_none() -> None:
    assert to_json(Tree("t")) == {"name": "t", "leaves": [], "span": None, "below": []}
    assert to_json(Tree("t", grown=False)) == to_json(Tree("t")) | {"grown": False}


def test_an_older_fact_without_a_later_member_is_read(ledger: Ledger) -> None:
    trees = Topic("tree", Tree)
    ledger.put("tree", "a", {"name": "a"})
    assert trees.all(ledger) == {"a": Tree("a")}


def test_a_fact_that_is_damaged_names_the_ledger_the_fact_and_the_member(ledger: Ledger) -> None:
    trees, only = Topic("tree", Tree), Note("one", "tree", Tree)
    for topic, name in (("tree", "a"), ("one", "tree")):
        ledger.put(topic, name, {"name": "a", "leaves": [{}]})
    for read in (lambda: trees.of(ledger, "a"), lambda: trees.all(ledger), lambda: only.of(ledger)):
        with pytest.raises(
            LedgerError, match=r"ledger\.sqlite: the fact .* leaves\.0\.size should be there; .* start a"
        ):
            read()


def test_a_fact_that_cannot_be_missing_is_named_if_it_is(ledger: Ledger) -> None:
    trees = Topic("tree", Tree)
    with pytest.raises(LedgerError, match="there should be a fact tree of a, and there is none"):
        trees.needed(ledger, "a")
    trees.record(ledger, "a", Tree("a\ud800", (Leaf(10**30, Colour.BLUE),)))
    assert trees.needed(ledger, "a") == Tree("a\ud800", (Leaf(10**30, Colour.BLUE),))
    trees.forget(ledger, "a")
    assert trees.of(ledger, "a") is None


def test_a_type_that_json_has_no_word_for_is_no_fact() -> None:
    with pytest.raises(TypeError, match="a fact cannot hold"):
        reader_of(bytes)
