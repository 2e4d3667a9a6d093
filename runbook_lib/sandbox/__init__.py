"""An AWS emulator: moto in a subprocess, with Export to S3, Scan and BatchWriteItem as in AWS.

Importing this package does not import moto; the server does that in its own process.
"""

from runbook_lib.sandbox.demo.settings import demo_config, demo_environment
from runbook_lib.sandbox.process import Sandbox, start_sandbox

__all__ = ["Sandbox", "demo_config", "demo_environment", "start_sandbox"]
