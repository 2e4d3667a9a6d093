"""Facts of what is done once a run has loaded its targets, by commands of their own."""
