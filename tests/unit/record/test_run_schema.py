"""The published schema is that of the model, and what does not fit the model is refused in one sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from runbook_lib.errors import EvidenceError
from runbook_lib.record.model.base import Section
from runbook_lib.record.run_json import SCHEMA_VERSION, RunRecord, as_record, read_record
from tests.support import records
from tests.support.records import KINDS
from tools import run_schema

ROOT = Path(__file__).resolve().parents[3]
SAMPLE = ROOT / "reports" / "sample"


@cache
def of_the_schema() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(run_schema.schema())


def fits_the_schema(data: Any) -> None:
    of_the_schema().validate(data)


def test_the_published_schema_is_made_of_the_model() -> None:
    assert run_schema.FILE.read_text(encoding="utf-8") == run_schema.text(), "python -m tools.run_schema"


def test_the_schema_is_one_and_lists_what_words_may_stand() -> None:
    made = run_schema.schema()
    jsonschema.Draft202012Validator.check_schema(made)
    assert made["properties"]["verdict"]["enum"] == ["PASS", "FAIL", "DRY-RUN", "RUNNING", "INTERRUPTED"]
    table = made["$defs"]["TableRecord"]["properties"]
    assert table["method"]["enum"] == ["export", "scan", "skipped", "not_chosen", None]
    assert {"import", "validate"} <= {*made["$defs"]["StepSeconds"]["properties"]}
    assert "register" in table


def test_the_sample_run_fits() -> None:
    data = json.loads((SAMPLE / "run.json").read_text(encoding="utf-8"))
    again = read_record(SAMPLE).to_json()
    fits_the_schema(again)
    assert list(lost(data, again)) == []
    if "schema_version" in data:
        fits_the_schema(data)


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_model_says_fits_the_schema_and_is_read_again_as_it_was(kind: str) -> None:
    made = records.typed(KINDS[kind]())
    data = json.loads(json.dumps(made.to_json()))
    if kind != "nothing":  # which no run is
        fits_the_schema(data)
    assert as_record(data) == made


def lost(value: Any, kept: Any, at: str = "") -> Iterator[str]:
    """Where JSON holds something that a reading of it has not kept."""
    if isinstance(value, dict) and isinstance(kept, dict):
        for name, inner in value.items():
            yield from lost(inner, kept.get(name), f"{at}.{name}")
    elif isinstance(value, list) and isinstance(kept, list) and len(value) == len(kept):
        for n, (one, other) in enumerate(zip(value, kept, strict=True)):
            yield from lost(one, other, f"{at}[{n}]")
    elif value != kept:
        yield at


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in JSON, with the first of each list only."""
    if isinstance(value, dict):
        return [at, *(p for name, inner in value.items() for p in places(inner, (*at, name)))]
    if isinstance(value, list) and value:
        return [at, *places(value[0], (*at, 0))]
    return [at]


def replaced(value: Any, at: tuple[Any, ...], odd: object) -> Any:
    if not at:
        return odd
    if isinstance(value, dict):
        return value | {at[0]: replaced(value[at[0]], at[1:], odd)}
    return [replaced(value[0], at[1:], odd), *value[1:]]


def with_one_of_each(value: Any) -> Any:
    """The same, of each list of things the first alone: only there is something put in the place of another."""
    if isinstance(value, dict):
        return {name: with_one_of_each(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [with_one_of_each(inner) for inner in (value[:1] if value and isinstance(value[0], dict) else value)]
    return value


WHOLE = with_one_of_each(json.loads((SAMPLE / "run.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("odd", [None, 5, -1, 10**30, 1e308 * 10, "x", [], [1], {}, {"a": 1}, True], ids=str)
@pytest.mark.few(4)
def test_no_value_at_any_place_is_more_than_refused(odd: object) -> None:
    """It is read as a whole, or refused in one sentence that names a place; there is no third way."""
    refused = []
    for at in places(WHOLE):
        try:
            assert isinstance(as_record(replaced(WHOLE, at, odd)), RunRecord)
        except EvidenceError as error:
            refused.append(str(error))
    assert refused or odd is None
    for said in refused:
        assert said.startswith(("run.json: it is not the record of a run", "run.json: it has schema_version"))
        assert "\n" not in said
        assert len(said) < 400


def test_a_record_of_an_earlier_version_is_read_and_one_of_a_later_version_is_named() -> None:
    assert as_record({"run_id": "r", "verdict": "PASS"}).tables == []
    assert as_record(WHOLE | {"coming": {"later": 1}}).verdict == "PASS"
    with pytest.raises(EvidenceError, match=f"schema_version {SCHEMA_VERSION + 1}, and this version"):
        as_record(WHOLE | {"schema_version": SCHEMA_VERSION + 1})


def test_what_utf_8_cannot_hold_is_spelled() -> None:
    assert as_record({"name": "a\ud800", "tables": [{"source": "\udfff"}]}).tables[0].source == "\\udfff"


def test_no_section_takes_what_it_is_not() -> None:
    """A flag is no count, a count is no text, and nothing is changed once it is made."""
    for wrong in ({"items_exported": True}, {"items_exported": 1.0}, {"source": 1}, {"reasons": "x"}):
        with pytest.raises(EvidenceError):
            as_record({"tables": [wrong]})
    made: Section = as_record({"name": "x"})
    with pytest.raises(ValueError, match="frozen"):
        made.name = "y"  # type: ignore[attr-defined]
