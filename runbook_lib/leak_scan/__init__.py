"""The stage that looks through every target for raw values of masked paths."""
