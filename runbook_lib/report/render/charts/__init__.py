"""The report's charts: legible in black and white, and identical for the same record."""
