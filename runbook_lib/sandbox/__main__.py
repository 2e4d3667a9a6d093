"""Open the notebooks on a sandbox in JupyterLab; `make lab` does this."""

import argparse
import sys

from runbook_lib.sandbox.demo.run import open_demo_lab
from runbook_lib.sandbox.fleet.tables import DEFAULT_SCALE

parser = argparse.ArgumentParser(prog="runbook_lib.sandbox", description="Open the notebooks on the AWS emulator.")
parser.add_argument("--scale", type=float, default=DEFAULT_SCALE, help="1 is the size of the reference fleet")
parser.add_argument("--no-browser", dest="browser", action="store_false", help="only say the address")
options = parser.parse_args()
sys.exit(open_demo_lab(options.scale, options.browser, lambda text: print(text, flush=True)))
