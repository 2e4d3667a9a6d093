"""What a migration costs and how long it takes: estimated and actual."""
