"""Rules to choose from, told from what the first items of each table look like."""
