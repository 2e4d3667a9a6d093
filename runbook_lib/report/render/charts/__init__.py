"""The report's charts: legible in black and white, and the same in every run of the same record."""
