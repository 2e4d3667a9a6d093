"""The questions, one module per topic."""
