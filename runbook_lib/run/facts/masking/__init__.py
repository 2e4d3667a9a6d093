"""Facts of a transform, and of the scan for raw values."""
