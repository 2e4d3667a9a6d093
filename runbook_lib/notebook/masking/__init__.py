"""What notebooks show of a transform and of the scan for raw values, and where they stop."""
