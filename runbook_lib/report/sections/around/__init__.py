"""What names the old tables."""
