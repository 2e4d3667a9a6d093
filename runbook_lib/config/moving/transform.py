"""The section of a migration file that says what becomes of items on their way: filter, hook and mask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any, Literal

from pydantic import Field, PrivateAttr, field_validator, model_validator

from runbook_lib.config.moving.places import Staging
from runbook_lib.config.section import Strict
from runbook_lib.masking.expression.parse import parse_filter
from runbook_lib.masking.paths import Wild, parse_path
from runbook_lib.masking.pseudonyms import Form
from runbook_lib.masking.rules import MaskRule, TemplatePart, Verb, split_template

FormName = Literal["hex", "uuid", "email", "digits", "name"]
OWN_FOLDER = "derived"  # under the staging prefix, where the derived exports have no bucket of their own
# What each verb may be told beside its path; anything else would be a setting without effect.
TOLD: dict[str, frozenset[str]] = {
    "keep": frozenset({"domain"}),
    "drop": frozenset(),
    "null": frozenset(),
    "constant": frozenset({"value"}),
    "pseudonym": frozenset({"form", "domain", "length", "of"}),
    "template": frozenset({"template", "form", "domain", "length", "parts"}),
    "shift_date": frozenset({"domain", "days", "by"}),
    "json": frozenset({"rules"}),
}
SETTINGS = frozenset().union(*TOLD.values())
NEEDED = frozenset({"value", "template", "rules"})


class FilterSetting(Strict):
    """Which items of some tables are moved."""

    tables: str = Field(default="*", description="name or glob of the source tables to filter")
    keep: str = Field(
        description="condition in DynamoDB's expression syntax (docs/masking.md); an item that does not meet it stays "
        "behind and is counted as filtered"
    )
    names: dict[str, str] = Field(default_factory=dict, description="names for the `#` placeholders in the condition")
    values: dict[str, Any] = Field(
        default_factory=dict,
        description="values for the `:` placeholders in the condition; `{SS: [a, b]}` gives a type",
    )

    @model_validator(mode="after")
    def _read(self) -> FilterSetting:
        parse_filter(self.keep, self.names, self.values)
        return self


class PartSetting(Strict):
    """What becomes of one part of a template."""

    with_: Literal["pseudonym", "keep"] = Field(
        default="pseudonym", alias="with", description="whether the part is masked"
    )
    form: FormName | None = Field(default=None, description="form of its pseudonym; default: the rule's")
    domain: str | None = Field(default=None, description="domain of its pseudonym; default: the rule's, or its name")


class InnerRuleSetting(Strict):
    """What is done with the values at one path inside of JSON in a string; strings in it may hold JSON again."""

    path: str = Field(description="path of the attribute, such as `orders[*].contact.email`; `*` is any name")
    with_: Literal["keep", "drop", "null", "constant", "pseudonym", "template", "shift_date", "json"] = Field(
        alias="with", description="what to do with each value"
    )
    form: FormName | None = Field(default=None, description="what a pseudonym looks like; default: hex")
    domain: str | None = Field(
        default=None, min_length=1, description="equal values in one domain have equal pseudonyms; default: the path"
    )
    length: int | None = Field(default=None, ge=1, le=64, description="characters of a hex pseudonym, or digits")
    value: str | int | float | bool | None = Field(default=None, description="for constant: the new value")
    template: str | list[str] | None = Field(
        default=None, description="for template: the forms that a value may have, with the parts to mask in braces"
    )
    parts: dict[str, PartSetting] = Field(default_factory=dict, description="of template: what becomes of each part")
    days: int | None = Field(
        default=None, ge=1, le=36_500, description="for shift_date: maximum number of days; default: 365"
    )
    by: str | None = Field(
        default=None, description="for shift_date: attribute whose value determines the number of days"
    )
    of: Literal["values", "names"] | None = Field(
        default=None, description="for pseudonym: `names` masks the names in the map at the path, not its values"
    )

    rules: list[InnerRuleSetting] = Field(
        default_factory=list, description="of json: the rules for what the string holds"
    )

    @model_validator(mode="after")
    def _fits(self) -> InnerRuleSetting:
        parse_path(self.path)
        told = {name for name in SETTINGS if getattr(self, name, None) not in (None, {}, [])}
        if extra := sorted(told - TOLD[self.with_]):
            raise ValueError(f"'{extra[0]}' means nothing to the verb {self.with_}")
        if missing := sorted(TOLD[self.with_] & NEEDED - told):
            raise ValueError(f"the verb {self.with_} needs '{missing[0]}'")
        named = {part for template in self.templates for part in split_template(template).parts}
        if unknown := sorted(self.parts.keys() - named):
            raise ValueError(f"parts names {unknown[0]!r}, which is in no template")
        if self.form in ("uuid", "name") and self.length is not None:
            raise ValueError(f"a {self.form} has a length of its own; leave 'length' out")
        if self.form == "digits" and (self.length or 0) > 38:
            raise ValueError("digits are at most 38")
        return self

    @property
    def templates(self) -> tuple[str, ...]:
        return (self.template,) if isinstance(self.template, str) else tuple(self.template or ())

    def as_rule(self, table: str = "*") -> MaskRule:
        """The rule as masks take it, with those for JSON in its strings."""

        def form(name: str | None) -> Form | None:
            return Form(name) if name else None

        parts = {n: TemplatePart(Verb(part.with_), form(part.form), part.domain) for n, part in self.parts.items()}
        return MaskRule(
            table, self.path, Verb(self.with_), form(self.form), self.domain, self.length, self.value,
            self.templates, parts, self.days or 365, self.by, self.of == "names",
            tuple(rule.as_rule() for rule in self.rules),
        )  # fmt: skip


class RuleSetting(InnerRuleSetting):
    """What is done with the values at one path."""

    table: str = Field(default="*", description="name or glob of source tables; a name takes precedence over globs")
    _line: int | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _of_item(self) -> RuleSetting:
        if parse_path(self.path)[0] is Wild.EACH:
            raise ValueError(f"path {self.path!r} begins with a list, and an item is none; only JSON in a string is")
        return self

    def of_table(self) -> MaskRule:
        """The rule with its table, and with its line."""
        return replace(self.as_rule(self.table), line=self._line)


class MaskKeySetting(Strict):
    """Where the key of the pseudonyms comes from; never the key itself."""

    env: str | None = Field(
        default=None,
        pattern=r"^[A-Z_][A-Z0-9_]*$",
        description="environment variable that holds the key, at least 16 bytes; it is written nowhere",
    )
    kms: str | None = Field(
        default=None,
        pattern=r"^(alias/[A-Za-z0-9/_\-]+|[0-9a-fA-F\-]{36}|mrk-[0-9a-f]{32}"
        r"|arn:[a-z\-]+:kms:[a-z0-9\-]+:\d{12}:(key|alias)/[A-Za-z0-9/_\-]+)$",
        description="alias, id or ARN of an HMAC_256 key in KMS, asked for as the source: the key of the pseudonyms is "
        "a MAC that KMS makes with it, so nobody has to keep one",
    )

    @model_validator(mode="after")
    def _one_place(self) -> MaskKeySetting:
        if (self.env is None) == (self.kms is None):
            raise ValueError("a key comes from one place: give 'env' or 'kms'")
        return self


class MaskSetting(Strict):
    """How values are masked."""

    key: MaskKeySetting
    unmapped: Literal["deny"] = Field(
        default="deny",
        description="a value whose path no rule covers blocks the run; `runbook mask CONFIG --propose` lists them",
    )
    rules: list[RuleSetting] = Field(min_length=1)

    def note_lines(self, line_of: Callable[[int], int | None]) -> None:
        """Take the line of each rule by its number, so that messages can name it."""
        for number, rule in enumerate(self.rules):
            rule._line = line_of(number)

    @property
    def as_rules(self) -> tuple[MaskRule, ...]:
        return tuple(rule.of_table() for rule in self.rules)


class Transform(Strict):
    """What becomes of items between export and import."""

    staging: Staging | None = Field(
        default=None,
        description=f"where the derived exports lie; default: the folder {OWN_FOLDER} under the staging prefix",
    )
    filter: list[FilterSetting] = Field(default_factory=list)
    hook: str | None = Field(
        default=None,
        description="`FILE.py:FUNCTION`, the file in the migration file's folder or below: (item, context) -> None, an "
        "item or a list of them",
    )
    mask: MaskSetting | None = None

    @field_validator("filter", mode="before")
    @classmethod
    def _one(cls, value: object) -> object:
        return [value] if isinstance(value, dict) else value

    @field_validator("hook")
    @classmethod
    def _inside(cls, hook: str | None) -> str | None:
        if hook is not None:
            file, _, function = hook.rpartition(":")
            path = PurePosixPath(file)
            if not file.endswith(".py") or not function.isidentifier() or path.is_absolute() or ".." in path.parts:
                raise ValueError("a hook is spelled FILE.py:FUNCTION, its file in the migration file's folder or below")
        return hook

    @model_validator(mode="after")
    def _something(self) -> Transform:
        if not (self.filter or self.hook or self.mask):
            raise ValueError("a transform needs 'filter', 'hook' or 'mask'; without any leave the section out")
        return self
