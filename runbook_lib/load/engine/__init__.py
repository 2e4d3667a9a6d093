"""Writing items into one table: batches, their order, rate and checkpoints."""
