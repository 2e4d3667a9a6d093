"""Reading items: scans, single reads, and how fast they may go."""
