"""Several migrations in waves, each a run with a proof of its own, and one page with how far they are."""
