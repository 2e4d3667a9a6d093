"""Which source table goes into which target table, and what was checked about it."""
