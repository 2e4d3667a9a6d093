"""Sessions and clients of the three sides: who they are, where they ask, what they were granted."""
