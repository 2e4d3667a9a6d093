"""Facts of the cut-over: its gates, and what its smoke tests came to."""
