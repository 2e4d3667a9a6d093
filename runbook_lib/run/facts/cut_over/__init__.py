"""Facts of the cut-over: its gates and smoke tests."""
