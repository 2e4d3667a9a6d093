"""Resources around the tables in both regions: a comparison, and a handbook of the new environment."""
