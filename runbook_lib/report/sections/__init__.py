"""The contents of a report, section by section, as data."""
