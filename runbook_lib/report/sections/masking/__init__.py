"""What a report says of a transform and of the scan for raw values."""
