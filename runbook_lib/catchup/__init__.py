"""Applying changes made to a source since its export to the target, window by window."""
