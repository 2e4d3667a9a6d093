"""Putting right what the comparison found wrong, item by item, and no other."""
