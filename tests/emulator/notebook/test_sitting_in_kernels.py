"""The notebooks of a sitting in kernels that outlive it, as JupyterLab leaves them open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from runbook_lib.paths import notebooks
from tests.support.in_process import runbook_here
from tests.support.world import World, things

BOOKS = ("00_preflight", "10_export", "20_import", "30_validate", "90_report")


@contextmanager
def opened(book: str, config: Path) -> Iterator[NotebookClient]:
    """A notebook with a kernel of its own; a person has entered a migration file, leave to write, and no run id."""
    content = nbformat.read(notebooks() / f"{book}.ipynb", as_version=4)
    [parameters] = [c for c in content.cells if "parameters" in c.metadata.get("tags", [])]
    parameters.source += f"\nconfig, execute = {str(config)!r}, True"
    client = NotebookClient(
        content, timeout=120, kernel_name="python3", resources={"metadata": {"path": config.parent}}
    )
    with client.setup_kernel():
        yield client


def run_all(client: NotebookClient) -> None:
    """All cells from the top, in the kernel as it is."""
    for number, cell in enumerate(client.nb.cells):
        if cell.cell_type == "code" and "skip-execution" not in cell.metadata.get("tags", []):
            client.execute_cell(cell, number)


@pytest.mark.whole
@pytest.mark.usefixtures("charts_drawn")
@pytest.mark.chaos
def test_a_later_sitting_in_the_same_kernels_exports_anew_and_leaves_the_former_run_as_it_is(world: World) -> None:
    world.pair("a", things(5))
    config = world.config(**{"import": {"on_non_empty": "append"}})
    reports = world.folder / "reports"
    with ExitStack() as stack:
        lab = [stack.enter_context(opened(book, config)) for book in BOOKS]
        for client in lab:
            run_all(client)
        first = (reports / "test-lab" / "run.json").read_bytes()
        world.put(world.source, world.src("a"), [{"id": {"S": f"new{n}"}} for n in range(7)])
        for client in lab:
            run_all(client)
    found = {place.parent.name: world.record(place.parent.name) for place in reports.glob("*/run.json")}
    exported = {name: record["tables"][0]["items_exported"] for name, record in found.items()}
    assert exported == {"test-lab": 5, "test-lab-2": 12}
    assert {record["verdict"] for record in found.values()} == {"PASS"}
    assert len(world.items(world.target, world.dst("a"))) == 12
    assert (reports / "test-lab" / "run.json").read_bytes() == first
    verified = runbook_here("verify", reports / "test-lab")
    assert verified.returncode == 0, verified.stdout + verified.stderr
