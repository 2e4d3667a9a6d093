"""Numbers that several sections say, reckoned once from the record."""
