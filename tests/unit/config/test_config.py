from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook_lib.config.model import load_config
from runbook_lib.errors import ConfigError

GOOD = """\
name: prod-to-dev
source: {region: us-east-1, profile: null, role_arn: null, endpoint_url: null}
target: {region: us-east-2, profile: null, role_arn: null, endpoint_url: null}
staging: {bucket: my-migration-exports, prefix: exports, region: us-east-2, endpoint_url: null}
tables:
  include: ["orders-staging-*"]
  exclude: []
  rename: {pattern: "orders-staging-(?P<name>.+)", to: "orders-{name}-dev"}
  overrides: {}                 # source name: target name
export: {without_pitr: scan}    # scan | skip | fail
import: {on_non_empty: fail}    # fail | append | overwrite
confirm_target: ""
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "migration.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_configuration_of_the_contract_is_accepted(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, GOOD))
    assert (config.source.region, config.target.region) == ("us-east-1", "us-east-2")
    assert config.import_.on_non_empty == "fail"
    assert config.export.without_pitr == "scan"


def test_sections_with_defaults_may_be_left_out(tmp_path: Path) -> None:
    short = "\n".join(
        line for line in GOOD.splitlines() if not line.startswith(("export", "import", "confirm", "  exclude"))
    )
    assert load_config(write(tmp_path, short)).import_.on_non_empty == "fail"


@pytest.mark.parametrize(
    ("found", "instead", "line", "words"),
    [
        ("include: [", "inclde: [", 6, "unknown key 'tables.inclde'; did you mean 'include'?"),
        ("on_non_empty: fail", "on_non_empty: maybe", 11, "'import.on_non_empty': input should be 'fail', 'append'"),
        (
            "on_non_empty: fail",
            "on_non_emty: fail",
            11,
            "unknown key 'import.on_non_emty'; did you mean 'on_non_empty'?",
        ),
        ("name: prod", "nam: prod", 1, "unknown key 'nam'; did you mean 'name'?"),
        ("name: prod-to-dev", "name: a/b", 1, "key 'name'"),
        ("name: prod-to-dev", "name: a\nengine: {kind: dask, address: 'http://host:8787'}", 2, "key 'engine.address'"),
        (
            "source: {region: us-east-1",
            "source: us-east-1 #",
            2,
            "'source': expected keys with their settings, such as {",
        ),
        ("region: us-east-1", "region: 5", 2, "'source.region': expected text, found 5"),
        ("region: us-east-1, ", "", 2, "key 'source.region' is missing"),
        ('"orders-{name}-dev"', '"orders-{nome}-dev"', 8, "'to' uses ['nome'], but pattern names only ['name']"),
        ("(?P<name>.+)", "(?P<name>", 8, "pattern is not a regular expression"),
        (
            'include: ["orders-staging-*"]',
            "include: orders-*",
            6,
            "'tables.include': expected a list, such as [ONE, ANOTHER], found 'orders-*'",
        ),
        ('include: ["orders-staging-*"]', "include: []", 6, "'tables.include'"),
        ("exclude: []", "exclude: [1]", 7, "'tables.exclude.0': expected text, found 1"),
        ("exclude: []", "include: []", 7, "key 'tables.include' is given twice, first on line 6"),
        ("exclude: []", "exclude: [}", 7, "not valid YAML"),
        ("{without_pitr: scan}", "{reuse: 3}", 10, "'export.reuse'"),
        ("{without_pitr: scan}", "{in_flight: 301}", 10, "'export.in_flight'"),
        ("{without_pitr: scan}", "{export_time: 2026-01-01T00:00:00}", 10, "a time zone is needed"),
        ('confirm_target: ""', "confirm_target: 5", 12, "'confirm_target': expected text, found 5"),
        ("{on_non_empty: fail}", '{concurrency: "8"}', 11, "'import.concurrency': expected a whole number, found '8'"),
    ],
)
def test_a_mistake_is_named_with_key_file_and_line(
    tmp_path: Path, found: str, instead: str, line: int, words: str
) -> None:
    assert found in GOOD
    file = write(tmp_path, GOOD.replace(found, instead, 1))
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    message = str(caught.value)
    assert words in message
    assert f"{file}:{line}: " in message


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("name: prod", "nam: prod").replace("fail}", "never}").replace("scan}", "perhaps}")
    with pytest.raises(ConfigError) as caught:
        load_config(write(tmp_path, text))
    assert len(str(caught.value).splitlines()) == 4
    assert places(caught.value) == sorted(places(caught.value))


def places(error: ConfigError) -> list[int]:
    return [int(re.findall(r"\.yaml:(\d+): ", line)[0]) for line in str(error).splitlines()]


def test_mistakes_stand_in_the_order_of_the_lines(tmp_path: Path) -> None:
    """What the model asks for first came first: 5, 7, 6, 8."""
    text = GOOD.replace("include: [", "includes: [").replace("exclude: []", "exclude: 1").replace("nam: ", "name: ")
    with pytest.raises(ConfigError) as caught:
        load_config(write(tmp_path, text.replace("region: us-east-1", "region: 5")))
    assert places(caught.value) == [2, 5, 6, 7]


@pytest.mark.parametrize("text", ["", "[]", "x", "- a\n- b", "a: [", "\x00", "a: &x [*x]", "? [a]: b"])
def test_what_is_no_configuration_at_all_is_a_clear_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"migration\.yaml"):
        load_config(write(tmp_path, text))


def test_a_file_that_is_not_there_or_not_text_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_config(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path)
    (tmp_path / "bytes.yaml").write_bytes(b"name: \xff\xfe")
    with pytest.raises(ConfigError, match="UTF-8"):
        load_config(tmp_path / "bytes.yaml")


@given(st.text(max_size=200))
def test_no_text_makes_anything_but_a_config_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.mktemp("any") / "m.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ConfigError):
        load_config(file)


def test_the_fingerprint_changes_with_what_moves_and_not_with_how_fast(tmp_path: Path) -> None:
    base = load_config(write(tmp_path, GOOD)).fingerprint()
    faster = load_config(write(tmp_path, GOOD.replace("{on_non_empty: fail}", "{concurrency: 32}"))).fingerprint()
    confirmed = load_config(write(tmp_path, GOOD.replace('""', '"111122223333/us-east-2"'))).fingerprint()
    other = load_config(write(tmp_path, GOOD.replace("{name}-dev", "{name}-test"))).fingerprint()
    assert base == faster == confirmed != other


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "- a\n", "just words\n"])
def test_a_file_without_keys_is_told_what_a_migration_file_is(tmp_path: Path, text: str) -> None:
    file = tmp_path / "m.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"m\.yaml:1: expected keys with their settings, found none"):
        load_config(file)
