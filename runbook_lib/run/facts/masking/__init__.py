"""Facts of a transform and a leak scan."""
