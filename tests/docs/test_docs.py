"""The docs say what is there, and nothing that is not: commands, settings, files and links of every page."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from pydantic import ValidationError

from runbook_lib.cli import cli, run_cli
from runbook_lib.config.model import Migration, load_config
from runbook_lib.sandbox import demo_config
from tests.support.pages import PAGES, PROGRAMS, ROOT, anchors, blocks, commands, inline
from tests.support.world import ACCOUNT, World, things
from tools.configuration_page import PAGE, page

README = PAGES["README.md"]
EACH_PAGE = pytest.mark.parametrize("name", PAGES)
SECTIONS = [field.alias or name for name, field in Migration.model_fields.items()]
FILES = (".html", ".md", ".json", ".py", ".yaml", ".ipynb", ".sqlite")


def settings(model: Any = Migration, path: str = "", above: tuple[Any, ...] = ()) -> Iterator[str]:
    """The dotted name of every setting; of a section that holds itself again once."""
    for name, field in model.model_fields.items():
        here = f"{path}{field.alias or name}"
        yield here
        for inner in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if hasattr(inner, "model_fields") and inner not in above and inner is not model:
                yield from settings(inner, f"{here}.", (*above, model))


def test_the_configuration_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_command_and_option_is_in_the_readme() -> None:
    for name, command in cli.commands.items():
        shown = re.search(rf"`runbook {name}[^`]*`", README)
        assert shown, name
        assert command.help
        options = {option for p in command.params for option in p.opts if option.startswith("--")}
        assert options - {"--port"} <= set(re.findall(r"--[a-z-]+", README)), name


def test_every_notebook_is_in_the_readme() -> None:
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        assert f"`{notebook.stem}`" in README


def test_every_page_is_linked_from_the_readme() -> None:
    known = set(re.findall(r"\]\((docs/[^)#]+)", README))
    assert {name for name in PAGES if name.startswith("docs/") and not name.startswith("docs/adr/")} <= known


@EACH_PAGE
def test_every_command_of_a_block_is_one_that_its_program_takes(name: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for program, *words in commands(PAGES[name]):
        assert program in PROGRAMS, program
        if program == "make":
            assert set(words) <= targets, words
        elif program == "runbook":
            cli.commands[words[0]].make_context(words[0], list(words[1:]))  # raises what click would say


@EACH_PAGE
def test_every_command_within_a_sentence_exists(name: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for code in inline(PAGES[name]):
        if made := re.fullmatch(r"make ([a-z]+)", code):
            assert made[1] in targets, code
        if asked := re.match(r"(?:\.venv/bin/)?runbook ([a-z]+(?:-[a-z]+)*)\b(.*)", code):
            options = {option for p in cli.commands[asked[1]].params for option in p.opts}
            assert set(re.findall(r"--[a-z-]+", asked[2])) <= options, code
            if "[" not in code:
                cli.commands[asked[1]].make_context(asked[1], asked[2].split(), resilient_parsing=not asked[2])


def test_a_command_that_nobody_has_is_noticed() -> None:
    with pytest.raises(click.UsageError):
        cli.commands["run"].make_context("run", ["migration.yaml", "--fast"])
    assert list(commands("    make test  # all\n\n```sh\ncd x && .venv/bin/runbook verify a\n```\n")) == [
        ["cd", "x"], ["runbook", "verify", "a"], ["make", "test"],
    ]  # fmt: skip


@EACH_PAGE
def test_every_yaml_of_a_page_is_a_migration_file_or_a_part_of_one(name: str, tmp_path: Path) -> None:
    for body in blocks(PAGES[name], "yaml"):
        if {"name", "tables"} <= set(yaml.safe_load(body)):
            (file := tmp_path / "migration.yaml").write_text(body)
            load_config(file)
        else:
            check_part(yaml.safe_load(body))
    for body in blocks(PAGES[name], "json"):
        json.loads(body)


@EACH_PAGE
def test_every_setting_within_a_sentence_exists(name: str) -> None:
    known = set(settings())
    for code in inline(PAGES[name]):
        if re.fullmatch(rf"({'|'.join(SECTIONS)})(\.[a-z_]+)+", code) and not code.endswith(FILES):
            assert code in known, code
        elif re.fullmatch(rf"({'|'.join(SECTIONS)}): \{{.+\}}", code) or re.fullmatch(r"[a-z]+\.[a-z_]+: \S+", code):
            for part in spelled_out(code):
                check_part(part)


def spelled_out(code: str) -> Iterator[dict[str, Any]]:
    """What `section: {key: one | other}` and `section.key: value` stand for; `...` and capitals leave a value open."""
    head, _, rest = code.partition(": ")
    text = f"{head.partition('.')[0]}: {{{head.partition('.')[2]}: {rest}}}" if "." in head else code
    for choice in product(*(group.split(" | ") for group in re.findall(r"\w+(?: \| \w+)+", text))):
        chosen = iter(choice)
        yield yaml.safe_load(re.sub(r"\w+(?: \| \w+)+", lambda _: next(chosen), text))  # noqa: B023


def check_part(part: dict[str, Any]) -> None:
    """Raise unless a file that has this part would be accepted; an open value has only to have a key that exists."""
    base = demo_config("http://127.0.0.1:9", ACCOUNT)
    for section, values in part.items():
        if not isinstance(values, dict) or "..." in str(values) or re.search(r"<|'[A-Z]+'", str(values)):
            names = values if isinstance(values, dict) else ()
            assert {section, *(f"{section}.{key}" for key in names)} <= set(settings()), part
            continue
        base[section] = base.get(section, {}) | values
        Migration.model_validate(base)


def test_a_setting_that_nobody_has_is_noticed() -> None:
    assert "import.max_wcu" in set(settings())
    assert [*spelled_out("export: {without_pitr: scan | skip}")] == [
        {"export": {"without_pitr": "scan"}}, {"export": {"without_pitr": "skip"}},
    ]  # fmt: skip
    for wrong in ({"export": {"without_pitr": "often"}}, {"import": {"speed": 1}}):
        with pytest.raises(ValidationError):
            check_part(wrong)
    with pytest.raises(AssertionError):
        check_part({"import": {"speed": "..."}})


@EACH_PAGE
def test_links_lead_somewhere(name: str) -> None:
    here = ROOT / name
    for target, anchor in re.findall(r"\]\((?!http)([^)#]*)#?([^)]*)\)", PAGES[name]):
        file = here.parent / target if target else here
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), f"{target}#{anchor}"


def test_the_commands_of_the_five_steps_do_what_they_say(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.table(world.source, f"orders-staging-{world.tag}")
    world.put(world.source, f"orders-staging-{world.tag}", things(2))
    (example,) = [b for b in blocks(README, "yaml") if b.startswith("name:")]
    asked = yaml.safe_load(example)
    for side in ("source", "target"):
        del asked[side]["profile"]  # there is no such profile here
    asked["staging"]["bucket"] = world.bucket
    asked["tables"]["include"] = [f"orders-staging-{world.tag}"]
    (world.folder / "migration.yaml").write_text(yaml.safe_dump(asked))
    monkeypatch.chdir(world.folder)
    for command, said in (("schema", f"orders-{world.tag}-dev"), ("policy", "BatchWriteItem")):
        assert f"`runbook {command} migration.yaml`" in README
        assert run_cli([command, "migration.yaml"]) == 0
        assert said in capsys.readouterr().out
    assert "`runbook run migration.yaml`" in README
    assert run_cli(["run", "migration.yaml"]) == 2  # as step 2 was left out
    assert "runbook schema writes the definition" in capsys.readouterr().err


def test_the_sample_can_be_verified_with_the_commands_of_the_page(tmp_path: Path) -> None:
    folder = tmp_path / "reports" / "sample"
    shutil.copytree(ROOT / "reports" / "sample", folder)
    page = PAGES["docs/reading-a-report.md"].replace("RUN_ID", folder.name)
    wanted = [words for words in commands(page) if words[0] != "cd"]
    assert [words[0] for words in wanted] == ["runbook", "sha256sum"]
    assert run_cli(["verify", str(tmp_path / wanted[0][2])]) == 0
    again = subprocess.run(wanted[1], cwd=folder, capture_output=True, check=False)
    assert again.returncode == 0, again.stderr
    (folder / "report.md").write_text("PASS")
    assert run_cli(["verify", str(tmp_path / wanted[0][2])]) == 1
    assert subprocess.run(wanted[1], cwd=folder, capture_output=True, check=False).returncode
