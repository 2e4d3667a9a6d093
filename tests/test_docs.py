"""The docs say what is there, and nothing that is not."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from runbook_lib.cli import cli
from runbook_lib.config import load_config
from tests.configuration_page import PAGE, page

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_configuration_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_command_and_option_is_in_the_readme() -> None:
    for name, command in cli.commands.items():
        assert f"`runbook {name}" in README
        assert command.help
    for option in (
        "--run-id",
        "--only",
        "--from",
        "--tables",
        "--execute",
        "--format",
        "--scale",
        "--port",
        "--sabotage",
        "--confirm",
    ):
        assert option in README


def test_every_notebook_is_in_the_readme() -> None:
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        assert f"`{notebook.stem}`" in README


def test_the_readmes_migration_file_is_accepted(tmp_path: Path) -> None:
    example = re.search(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert example
    file = tmp_path / "migration.yaml"
    file.write_text(re.sub(r"^   ", "", example[1], flags=re.MULTILINE))
    assert load_config(file).name == "prod-to-dev"


@pytest.mark.parametrize("file", PAGES, ids=lambda f: f.name)
def test_links_lead_somewhere(file: Path) -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)", file.read_text(encoding="utf-8")):
        assert (file.parent / target).exists(), target


def test_every_make_target_of_the_docs_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for file in PAGES:
        assert set(re.findall(r"(?:`|^ {4})make ([a-z]+)", file.read_text(encoding="utf-8"), re.MULTILINE)) <= targets


def test_there_is_one_list_of_dependencies() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    locked = (ROOT / "requirements.lock").read_text()
    for requirement in [*project["dependencies"], *project["optional-dependencies"]["dev"]]:
        name = re.split(r"[\[<>=]", requirement)[0].lower()
        assert re.search(rf"^{re.escape(name)}(\[.*\])?==", locked, re.MULTILINE), name
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert conda["dependencies"][-1] == {"pip": ["--editable .[dev]"]}


def test_no_registry_or_machine_path_is_committed() -> None:
    for file in (ROOT / "requirements.lock", ROOT / "pyproject.toml", ROOT / "Makefile", ROOT / "environment.yml"):
        text = file.read_text()
        assert "://" not in text
        assert "--index" not in text
