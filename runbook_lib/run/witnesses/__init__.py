"""What a run records as evidence for later questions: items there before, the source's TTL, other writers."""
