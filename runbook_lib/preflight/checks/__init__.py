"""The checks of the pre-flight, one module per concern."""
