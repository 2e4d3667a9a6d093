"""What stands around the tables in both regions: compared, and a handbook of the new place."""
