"""The first migration file of a person: what was answered and, beside it, what is often needed, explained."""

from __future__ import annotations

import re
from dataclasses import dataclass

import yaml

from runbook_lib.config.reading.yaml_lines import LARGEST

SCHEMA_LINE = "# yaml-language-server: $schema={schema}"
TEMPLATE = """\
{first}
# Every key with its default: docs/configuration.md. No credentials here: they come from the AWS credential chain.
name: {name}
source: {{region: {source_region}{source_profile}}}
target: {{region: {target_region}{target_profile}}}

# An existing bucket; exports are written to it and read from it.
staging: {{bucket: {bucket}, prefix: exports, region: {staging_region}}}

tables:
  include: [{include}]
  # exclude: ["*-backup"]
{rename}
  # Create missing targets with their sources' definitions:
  # create_missing: true

export:
  # A table without point-in-time recovery: scan it (not one moment), skip it (no PASS), or fail.
  without_pitr: fail

import:
  # If a target already holds items: fail, append (never replace an item), overwrite, or sync (write only what differs).
  on_non_empty: fail

# limits: {{max_cost_usd: 50}}

# Enter the target, as "ACCOUNT/REGION", before the first run with --execute; not needed for a dry run.
confirm_target: ""
"""


@dataclass(frozen=True, slots=True)
class Answers:
    """What `runbook init` asks. `to` is the new name with {name} in it; empty keeps the names."""

    name: str
    source_region: str
    target_region: str
    tables: tuple[str, ...]
    bucket: str
    to: str = ""
    source_profile: str = ""
    target_profile: str = ""

    @property
    def names_apart(self) -> bool:
        """Whether no two tables can get one new name; that of a single table may be any."""
        return "{" in self.to or (len(self.tables) == 1 and not re.search(r"[*?\[]", self.tables[0]))


def starter(answers: Answers, schema: str) -> str:
    """A commented migration file; `schema` is where its JSON Schema lies, for editors."""
    return TEMPLATE.format(
        first=SCHEMA_LINE.format(schema=schema),
        name=_quoted(answers.name),
        source_region=_quoted(answers.source_region),
        source_profile=_profile(answers.source_profile),
        target_region=_quoted(answers.target_region),
        target_profile=_profile(answers.target_profile),
        bucket=_quoted(answers.bucket),
        staging_region=_quoted(answers.target_region),
        include=", ".join(map(_quoted, answers.tables)),
        rename=_rename(answers),
    )


def pattern_of(tables: tuple[str, ...]) -> str:
    """A pattern for names: {name} is what the star of one glob stands for that ends in it, or else the whole name."""
    if len(tables) == 1 and re.fullmatch(r"[^*?\[]*\*", tables[0]):
        return tables[0][:-1].replace(".", r"\.") + "(?P<name>.+)"
    return "(?P<name>.+)"


def _rename(answers: Answers) -> str:
    if answers.to:
        return f"  rename: {{pattern: {_quoted(pattern_of(answers.tables))}, to: {_quoted(answers.to)}}}"
    return '  # rename: {pattern: "(?P<name>.+)", to: "{name}-new"}'


def _profile(name: str) -> str:
    return f", profile: {_quoted(name)}" if name else ""


def _quoted(text: str) -> str:
    return yaml.safe_dump(text, default_style='"', allow_unicode=True, width=LARGEST).strip()
