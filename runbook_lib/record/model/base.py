"""What all sections of `run.json` have in common: strict, frozen, and lenient only to what was not recorded.

Members are only added: a record of an earlier version lacks some, one of a later version has more, and both are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Strict,
    model_validator,
)
from pydantic_core import core_schema

from runbook_lib.timestamps import elapsed_seconds

MOST = 10**18  # of anything that is counted
LONGEST = 10_000  # characters of a name: far more than any has, so that only what is hostile does not fit


class Section(BaseModel):
    """A part of `run.json`; a null where something always stands means that it was not recorded."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="ignore",
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        never = _never_null(cls)
        return {name: plain(value) for name, value in data.items() if value is not None or name not in never}

    def to_json(self) -> dict[str, Any]:
        """The section as JSON has it."""
        return self.model_dump(mode="json")


def plain(value: Any) -> Any:
    """A value in which what UTF-8 cannot hold, a lone surrogate, is spelled as JSON and the ledger do."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, list):
        return [plain(each) for each in value]
    return {plain(name): plain(each) for name, each in value.items()} if isinstance(value, dict) else value


@cache
def _never_null(section: type[Section]) -> frozenset[str]:
    """The members, by each of their names, that have a value of their own where nothing was recorded."""
    fields = section.model_fields.items()
    return frozenset(n for name, f in fields if f.default is not None for n in (name, f.serialization_alias) if n)


def _of_these_times(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    if not 1970 <= moment.year < 9999:
        raise ValueError("expected a moment of these times")
    return text


def _recorded(value: Any) -> Any:
    """A mapping without the names of which nothing was recorded."""
    return {n: v for n, v in value.items() if v is not None} if isinstance(value, dict) else value


@dataclass(frozen=True)
class OneOf:
    """A text that is one of these words, which the schema lists."""

    words: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self._known, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "enum": [str(word) for word in self.words]}

    def _known(self, text: str) -> str:
        if text not in self.words:
            raise ValueError(f"expected one of {', '.join(self.words)}")
        return text


Count = Annotated[int, Field(ge=0, le=MOST)]
Number = Annotated[float, Field(ge=-MOST, le=MOST, allow_inf_nan=False)]
Name = Annotated[str, Field(max_length=LONGEST)]
Moment = Annotated[str, Field(max_length=LONGEST), AfterValidator(_of_these_times)]
Span = Annotated[tuple[Moment | None, Moment | None], Strict(False)]
Recorded = BeforeValidator(_recorded)
NEVER: Span = (None, None)


def seconds_between(span: Span) -> float | None:
    """How long a span is; None if its beginning or its end is not known, or the clock was set back between them."""
    return elapsed_seconds(*(as_moment(text) for text in span))


def as_moment(text: str | None) -> datetime | None:
    """A moment of a record, or None where there is none that can be read."""
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment


def members(section: type[Section]) -> Iterator[str]:
    """The names of a section's members, as JSON has them."""
    return (field.serialization_alias or name for name, field in section.model_fields.items())
