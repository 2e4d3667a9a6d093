"""Bringing what was written to a source since its export to the target, window by window."""
