"""What notebooks show of a transform and a leak scan, and their gates."""
