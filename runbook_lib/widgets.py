"""Forms for a person in JupyterLab; nothing here is needed to run the notebooks."""

from __future__ import annotations

import ipywidgets

from runbook_lib.errors import ConfigError
from runbook_lib.preflight import check_confirmation
from runbook_lib.run import Run


def confirmation_form(run: Run) -> ipywidgets.Widget:
    """Ask for the target to be typed, in place of `confirm_target` in the file; for this run only."""
    typed = ipywidgets.Text(placeholder="ACCOUNT/REGION", description="target", value=run.confirmation)
    answer = ipywidgets.HTML()

    def check(_: object = None) -> None:
        run.confirmed = typed.value.strip()
        try:
            check_confirmation(run.confirmation, run.clients)
        except ConfigError:
            answer.value = "does not spell the target of this run"
        else:
            answer.value = "confirmed: writing is allowed once <code>execute</code> is True"

    typed.observe(check, names="value")
    check()
    return ipywidgets.VBox([typed, answer])
