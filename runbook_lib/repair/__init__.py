"""Repairing the items that the comparison found wrong, one by one, and no others."""
