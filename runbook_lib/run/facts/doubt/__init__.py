"""Writes that nobody has heard the end of, and until when they could still take effect."""
