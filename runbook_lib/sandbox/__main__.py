"""Open the notebooks on a sandbox in JupyterLab; `make lab` does this."""

import sys

from runbook_lib.sandbox.fleet import DEFAULT_SCALE
from runbook_lib.sandbox.migration import open_lab

sys.exit(open_lab(DEFAULT_SCALE, lambda text: print(text, flush=True)))
