"""Tests in folders like the packages'; what they share is in `support`."""

import sys

# As in runbook_lib/headless/execute_notebook.py: it saves each process that reads notebooks two seconds.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
