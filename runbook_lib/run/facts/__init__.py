"""Facts that more than one stage reads."""
