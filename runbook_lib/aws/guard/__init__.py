"""Which calls each side may make: others are refused before a byte leaves the machine; all are counted."""
