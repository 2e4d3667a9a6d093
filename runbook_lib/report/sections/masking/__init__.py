"""What a report says about a transform and a leak scan."""
