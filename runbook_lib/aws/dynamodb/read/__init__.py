"""Reading items: scans, single reads, and their rate limit."""
