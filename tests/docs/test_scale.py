"""The page on many machines: figures come from what was measured, recipes fit the programs they are for."""

from __future__ import annotations

import ast
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import dask
import pytest
import yaml
from click import Command
from distributed import Security
from distributed.cli import dask_scheduler, dask_worker

from runbook_lib.config.model import load_config
from tools import scale_model
from tools.scale_model import CASES, PAGE, TB, Case, Measured, page, work_out

TEXT = PAGE.read_text(encoding="utf-8")
COMMANDS: dict[str, Command] = {"scheduler": dask_scheduler.main, "worker": dask_worker.main}


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", TEXT, re.DOTALL | re.MULTILINE)
    return [re.sub(rf"^{indent}", "", text, flags=re.MULTILINE) for indent, text in found]


def settings(key: str) -> list[Any]:
    return [data for data in map(yaml.safe_load, blocks("ya?ml")) if key in data]


def test_the_figures_of_the_page_are_those_that_were_measured_last() -> None:
    assert page() == TEXT, "run python -m tools.scale_model"


def test_a_figure_that_was_not_measured_stops_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = tmp_path / "benchmarks.md"
    empty.write_text("<!-- measured: import -->\n<!-- end -->\n")
    monkeypatch.setattr(scale_model, "BOOK", empty)
    with pytest.raises(StopIteration):
        scale_model.measured("import", "(d)", "CPU per item")


def test_more_workers_help_until_the_table_limits() -> None:
    measured = Measured.read()
    hours = [work_out(Case(TB, 400_000, workers), measured).hours for workers in (1, 10, 50, 500)]
    assert hours == sorted(hours, reverse=True)
    enough = work_out(Case(TB, 40_000, 5), measured)
    assert max(enough.limits, key=lambda limit: enough.limits[limit]) == "the table"
    assert max(work_out(Case(TB, 40_000, 500), measured).limits.values()) == max(enough.limits.values())


def test_each_limit_can_be_the_one_that_binds() -> None:
    measured, case = Measured.read(), Case(TB, 1e9, 50)
    slow = {
        "processor": replace(measured, load=1.0),
        "coordinator": replace(measured, unit=1e6),
        "key ranges": measured,
    }
    for name, figures in slow.items():
        limits = work_out(case, figures).limits
        assert max(limits, key=lambda limit: limits[limit]) == name


def test_a_larger_table_takes_longer_and_costs_more() -> None:
    results = [work_out(replace(CASES[1], size=size), Measured.read()) for size in (1e9, 1e12, 1e14)]
    assert [r.hours for r in results] == sorted(r.hours for r in results)
    assert [sum(r.dollars.values()) for r in results] == sorted(sum(r.dollars.values()) for r in results)


def test_the_settings_are_accepted(tmp_path: Path) -> None:
    readme = (PAGE.parents[1] / "README.md").read_text(encoding="utf-8")
    example = re.search(r"```yaml\n(.*?)```", readme, re.DOTALL)
    assert example
    base = yaml.safe_load(re.sub(r"^   ", "", example[1], flags=re.MULTILINE))
    engines = [found["engine"] for found in settings("engine")]
    engines += [yaml.safe_load(text)["engine"] for text in re.findall(r"`(engine: \{.*?\})`", TEXT)]
    engines += [{"kind": "dask"} | yaml.safe_load(text) for text in re.findall(r"`(address: \".*?\")`", TEXT)]
    assert len(engines) >= 5
    for number, engine in enumerate(engines):
        file = tmp_path / f"{number}.yaml"
        file.write_text(yaml.safe_dump(base | {"engine": engine}))
        assert load_config(file).engine.kind == engine["kind"]


def test_dask_takes_the_certificates_from_its_configuration() -> None:
    (config,) = settings("distributed")
    with dask.config.set(dask.config.merge(dask.config.config, config)):
        security = Security()
        assert security.require_encryption
        client = security.get_tls_config_for_role("client")
    assert client | {"ciphers": None} == {
        "ciphers": None,
        "ca_file": "/etc/dask/ca.pem",
        "cert": "/etc/dask/cert.pem",
        "key": "/etc/dask/key.pem",
    }


def test_dask_knows_the_commands_and_their_options() -> None:
    lines = [shlex.split(line) for line in re.findall(r"^    (dask .*)$", TEXT, re.MULTILINE)]
    (cluster,) = settings("apiVersion")
    lines += [cluster["spec"][part]["spec"]["containers"][0]["args"] for part in ("worker", "scheduler")]
    assert len(lines) == 4
    for _, name, *arguments in lines:
        COMMANDS[name].make_parser(ctx=COMMANDS[name].context_class(COMMANDS[name])).parse_args(list(arguments))


def test_the_kubernetes_cluster_is_found_where_the_page_says() -> None:
    (cluster,) = settings("apiVersion")
    name, spec = cluster["metadata"]["name"], cluster["spec"]
    assert f"tcp://{name}-scheduler:8786" in TEXT
    assert spec["scheduler"]["service"]["selector"]["dask.org/cluster-name"] == name
    inside = {port["name"]: port["containerPort"] for port in spec["scheduler"]["spec"]["containers"][0]["ports"]}
    assert {port["targetPort"]: port["port"] for port in spec["scheduler"]["service"]["ports"]} == inside


def test_the_scripts_are_python_and_the_image_has_what_it_copies() -> None:
    assert len(blocks("python")) == 2
    for block in blocks("python"):
        ast.parse(block)
    (image,) = blocks("dockerfile")
    for file in re.findall(r"/runbook/(\S+)", image):
        assert (PAGE.parents[1] / file).exists()
