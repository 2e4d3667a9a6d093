"""Facts recorded by commands that follow a load."""
