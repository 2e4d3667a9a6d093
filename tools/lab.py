"""JupyterLab on a sandbox as `make lab` starts it, and a person at it: menus, buttons, typing."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from runbook_lib.run.ledger import Ledger

PATIENCE = 120.0  # seconds for anything; on a machine of its own nothing takes a tenth of it
PLACES = {
    "JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime",
    "JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces", "IPYTHONDIR": "ipython",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Lab:
    """A running JupyterLab; `address` has the token in it, `endpoint` is the sandbox's."""

    address: str
    endpoint: str
    run: Path

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the sandbox itself, see runbook_lib.sandbox.server.app."""
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.endpoint}/_sandbox/{path}", data, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def acknowledged(self) -> int:
        """Items of BatchWriteItem that the target has answered for."""
        rows = self.control("GET", "requests")
        return sum(r.get("acknowledged", 0) for r in rows if r["operation"] == "BatchWriteItem")

    def written(self, source: str = "%") -> int:
        """What the run's ledger knows to be acknowledged."""
        ledger = Ledger(self.run / "ledger.sqlite")
        try:
            rows = ledger.rows("SELECT SUM(written) AS n FROM file WHERE source LIKE ?", source)
            return int(rows[0]["n"] or 0)
        finally:
            ledger.close()


@contextmanager
def lab_on_a_sandbox(folder: Path, scale: float) -> Iterator[Lab]:
    """What `make lab` starts, on a copy of the notebooks and without anybody's settings."""
    home = folder / "jupyter"
    own = {name: str(home / place) for name, place in PLACES.items()} | {"RUNBOOK_REPORTS": str(folder / "reports")}
    command = [sys.executable, "-m", "runbook_lib.sandbox", "--no-browser", "--scale", str(scale)]
    said = folder / "lab.log"
    with open(said, "wb") as log:
        process = subprocess.Popen(command, env=os.environ | own, stdout=log, stderr=subprocess.STDOUT)
        try:
            server = until(lambda: _server(home / "runtime", process, said), "JupyterLab is there")
            endpoint = re.search(r"sandbox: (\S+)", said.read_text(encoding="utf-8"))
            assert endpoint
            address = f"{server['url']}?token={server['token']}"
            yield Lab(address, endpoint[1], folder / "reports" / "demo-lab")
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE)
            finally:
                process.kill()


def _server(runtime: Path, process: subprocess.Popen[bytes], said: Path) -> Any:
    """What a running server writes down about itself, once it is there."""
    assert process.poll() is None, said.read_text(encoding="utf-8")
    for file in runtime.glob("jpserver-*.json"):
        try:
            return json.loads(file.read_text(encoding="utf-8"))
        except ValueError:
            return None  # just being written
    return None


class Desk:
    """One page of JupyterLab and what a person does there; everything waits until it can be done."""

    def __init__(self, page: Page, lab: Lab) -> None:
        self.page = page
        page.set_default_timeout(PATIENCE * 1000)
        expect.set_options(timeout=PATIENCE * 1000)
        page.goto(lab.address)

    def open(self, notebook: str) -> None:
        """Double-click a notebook in the list of files and wait for its kernel."""
        self.page.locator(f'.jp-DirListing-item[title^="Name: {notebook}.ipynb"]').dblclick()
        expect(self.page.locator(".lm-TabBar-tab.lm-mod-current", has_text=notebook)).to_be_visible()
        self._idle()

    def run_all(self) -> None:
        """Run > Run All Cells."""
        self._run("Run All Cells")

    def run_above(self, text: str) -> None:
        """Run all cells above the one with this text."""
        self._select(text)
        self._run("Run All Above Selected Cell")

    def run_from(self, text: str) -> None:
        """Run the cell with this text and all below."""
        self._select(text)
        self._run("Run Selected Cell and All Below")

    def finished(self) -> None:
        """Wait until no cell runs or waits to be run."""
        self._until(lambda: "[*]:" not in self._prompts(), "all cells have run")
        self._idle()

    def stop(self) -> None:
        """The stop button of the toolbar."""
        self._panel.locator('[data-jp-item-name="interrupt"] jp-button').click()

    def cell(self, text: str) -> Locator:
        """The code cell that holds a text."""
        return self._panel.locator(".jp-CodeCell", has=self.page.locator(".cm-content", has_text=text))

    def output(self, text: str) -> Locator:
        """What stands below the code cell that holds a text."""
        return self.cell(text).locator(".jp-OutputArea-output")

    def edit(self, text: str, to: str) -> None:
        """Replace the line of a code cell that begins with a text, by keyboard."""
        self._panel.locator(".cm-line", has_text=text).click()
        self.page.keyboard.press("Home")
        self.page.keyboard.press("Shift+End")
        self.page.keyboard.type(to)
        expect(self._panel.locator(".cm-line", has_text=text)).to_have_text(to)

    def picture(self, heading: str, file: Path) -> None:
        """The window with a heading of the notebook on top, the list of files folded away."""
        files = self.page.locator(".jp-DirListing")
        self.page.keyboard.press("Control+b")
        expect(files).to_be_hidden()
        title = self._panel.locator("h1, h2").filter(has_text=re.compile(f"^{heading}"))
        for _ in range(2):  # what comes into sight is laid out anew
            title.evaluate("title => title.closest('.jp-Cell').scrollIntoView()")
            self.page.wait_for_timeout(300)
        self.page.screenshot(path=file)
        self.page.keyboard.press("Control+b")
        expect(files).to_be_visible()

    @property
    def _panel(self) -> Locator:
        return self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")

    def _select(self, text: str) -> None:
        self.cell(text).locator(".jp-InputPrompt").click()
        expect(self.cell(text)).to_have_class(re.compile("jp-mod-selected"))

    def _run(self, entry: str) -> None:
        before = self._prompts()
        self.page.locator(".lm-MenuBar-itemLabel", has_text=re.compile("^Run$")).click()
        self.page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^{entry}$")).click()
        self._until(lambda: self._prompts() != before, f"{entry} begins")

    def _idle(self) -> None:
        expect(self.page.locator("#jp-main-statusbar")).to_contain_text("| Idle")

    def _prompts(self) -> list[str]:
        """`[3]:` for a cell that has run, `[*]:` for one that runs or waits; also of cells out of sight."""
        return self._panel.locator(".jp-CodeCell .jp-InputPrompt").all_text_contents()

    def _until(self, condition: Callable[[], Any], what: str) -> None:
        until(condition, what, lambda: self.page.wait_for_timeout(100))


def until(condition: Callable[[], Any], what: str, pause: Callable[[], None] = lambda: time.sleep(0.1)) -> Any:
    """Wait for a condition; returns what it gave."""
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {PATIENCE:.0f} s: {what}"
        pause()
    return found
