"""What a run records so that a later question has a witness: items there before, the source's TTL, who else wrote."""
