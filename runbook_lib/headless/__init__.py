"""Running the notebooks without a person."""
