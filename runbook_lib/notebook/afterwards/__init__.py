"""What notebooks show of a repair and a cleanup."""
