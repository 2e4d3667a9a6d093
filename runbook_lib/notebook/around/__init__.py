"""What a notebook shows of the resources around the tables."""
