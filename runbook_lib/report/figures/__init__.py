"""Numbers used in several sections, computed once from the record."""
