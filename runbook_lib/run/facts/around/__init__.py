"""What was found around the tables."""
