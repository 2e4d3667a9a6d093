"""`runbook init` writes a file that a run accepts, whatever was answered, or nothing at all."""

from __future__ import annotations

import io
import json
import re
from itertools import pairwise
from pathlib import Path
from typing import get_args

import jsonschema
import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from runbook_lib.cli import cli, run_cli
from runbook_lib.commands.starter import Answers, pattern_of, starter
from runbook_lib.config.model import load_config
from runbook_lib.config.sections.exporting import ExportSettings
from runbook_lib.config.sections.importing import ImportSettings
from runbook_lib.plan.naming import select_tables
from tests.support.pages import PAGES, blocks
from tools import migration_schema

GIVEN = [
    "init", "--name", "m",
    "--source-region", "us-east-1", "--source-profile", "", "--tables", "orders-staging-*, users",
    "--target-region", "us-east-2", "--target-profile", "", "--to", "", "--bucket", "some-bucket",
]  # fmt: skip
NAMES = st.text("abcxyz0189_-.", min_size=1, max_size=12)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_what_is_answered_stands_in_the_file_and_a_run_accepts_it() -> None:
    answers = "shop\neu-west-1\nreader\norders-staging-*\neu-central-1\n\norders-{name}-dev\nsome-bucket\n"
    asked = CliRunner().invoke(cli, ["init", "m.yaml"], input=answers)
    assert asked.exit_code == 0, asked.output
    config = load_config("m.yaml")
    assert (config.name, config.source.region, config.source.profile) == ("shop", "eu-west-1", "reader")
    assert (config.target.region, config.target.profile) == ("eu-central-1", None)
    assert (config.staging.bucket, config.staging.region) == ("some-bucket", "eu-central-1")
    assert select_tables(config, ["orders-staging-users"]) == {"orders-staging-users": "orders-users-dev"}
    assert "next: runbook run m.yaml" in asked.output


def test_the_comments_name_every_choice_that_there_is() -> None:
    """`sync` was not among what may be done with a target that holds items."""
    assert run_cli([*GIVEN, "m.yaml"]) == 0
    text = Path("m.yaml").read_text()
    for key, field in (
        ("on_non_empty", ImportSettings.model_fields["on_non_empty"]),
        ("without_pitr", ExportSettings.model_fields["without_pitr"]),
    ):
        comment = next(above for above, line in pairwise(text.splitlines()) if line.startswith(f"  {key}:"))
        choices = get_args(field.annotation)
        assert choices
        assert [choice for choice in choices if not re.search(rf"\b{choice}\b", comment)] == []


def test_the_first_line_names_the_schema_from_where_the_file_lies() -> None:
    Path("deep").mkdir()
    assert run_cli([*GIVEN, "deep/m.yaml"]) == 0
    found = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", Path("deep/m.yaml").read_text().splitlines()[0])
    assert found
    assert (Path("deep") / found[1]).resolve() == migration_schema.FILE


def test_another_file_stays_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    Path("migration.yaml").write_text("mine")
    assert run_cli(GIVEN) == 2
    assert "migration.yaml exists already and stays as it is" in capsys.readouterr().err
    assert run_cli(["init"]) == 2
    assert capsys.readouterr().out == "", "nobody is asked for what would then be thrown away"
    assert [p.name for p in Path().iterdir()] == ["migration.yaml"]
    assert Path("migration.yaml").read_text() == "mine"


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--bucket", "B", "staging.bucket"),
        ("--source-region", "east", "source.region"),
        ("--tables", " , ", "Invalid value for '--tables': expected a value, found ' , '"),
        ("--to", "{other}", "tables.rename"),
        ("--to", "dev", "--to: expected {name} in the new names of orders-staging-*, users, found 'dev'"),
        ("--name", "a b", "name"),
        ("--target-region", "us-east-1", "--to: source and target are the same tables"),
    ],
)
def test_a_wrong_answer_leaves_no_file(option: str, value: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli([*GIVEN, option, value]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert ".new" not in error
    assert list(Path().iterdir()) == []


def test_a_wrong_answer_is_answered_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli([*GIVEN, "--source-region", "east", "--bucket", "B"]) == 2
    error = capsys.readouterr().err
    assert "expected an AWS region such as us-east-1, found 'east'" in error
    assert "expected the name of a bucket" in error
    assert "yaml" not in error  # a file that there is not, and lines in it
    assert "pattern" not in error
    assert error.strip().endswith("; no file was written")


def test_without_anybody_to_ask_it_says_what_to_give(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in CI: it said `interrupted`, with the exit code of that."""
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert run_cli(["init", "--name", "x"]) == 2
    assert "the input ended before every question was answered; give the answers as options" in capsys.readouterr().err
    assert list(Path().iterdir()) == []


def test_a_missing_folder_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli([*GIVEN, "none/m.yaml"]) == 2
    assert "expected a folder that is there, found no none" in capsys.readouterr().err


@pytest.mark.parametrize(("tables", "code"), [("users", 0), ("user*", 2), ("user?", 2), ("us[e]rs", 2), ("a,b", 2)])
def test_one_new_name_is_only_for_one_table(tables: str, code: int) -> None:
    """Each of two globs would have been renamed to `dev`, and their items mixed."""
    assert run_cli([*GIVEN, "--tables", tables, "--to", "dev"]) == code
    assert len(list(Path().iterdir())) == (0 if code else 1)


@given(prefix=NAMES, rest=NAMES)
def test_a_star_of_one_glob_is_the_name(prefix: str, rest: str) -> None:
    found = re.fullmatch(pattern_of((f"{prefix}*",)), f"{prefix}{rest}")
    assert found
    assert found["name"] == rest
    assert re.fullmatch(pattern_of((f"{prefix}*", "x")), prefix)


@given(st.lists(st.text(min_size=1), min_size=1, max_size=3), st.text(), st.text())
def test_no_answer_becomes_a_key_of_its_own(tables: list[str], name: str, bucket: str) -> None:
    read = yaml.safe_load(
        starter(Answers(name, "a", "b", tuple(tables), bucket), "x").encode("utf-8", "replace").decode()
    )
    assert set(read) == {"name", "source", "target", "staging", "tables", "export", "import", "confirm_target"}
    assert len(read["tables"]["include"]) == len(tables)


def test_the_schema_is_made_of_the_model() -> None:
    assert migration_schema.FILE.read_text(encoding="utf-8") == migration_schema.text(), (
        "python -m tools.migration_schema"
    )
    jsonschema.Draft202012Validator.check_schema(migration_schema.schema())


def test_the_schema_takes_what_a_run_takes_and_no_unknown_key() -> None:
    check = jsonschema.Draft202012Validator(migration_schema.schema())
    whole = [yaml.safe_load(b) for page in PAGES.values() for b in blocks(page, "yaml")]
    whole = [known for known in whole if isinstance(known, dict) and {"name", "tables", "staging"} <= set(known)]
    assert run_cli(GIVEN) == 0
    whole.append(yaml.safe_load(Path("migration.yaml").read_text()))
    assert len(whole) >= 2
    for known in whole:
        assert list(check.iter_errors(json.loads(json.dumps(known, default=str)))) == []
        assert list(check.iter_errors(known | {"tabels": {}}))
        assert list(check.iter_errors(known | {"import": {"speed": 1}}))
        assert list(check.iter_errors(known | {"import": {"on_non_empty": "maybe"}}))
