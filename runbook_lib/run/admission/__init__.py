"""What must be true before a run may write its first byte."""
