"""The stage that searches every target for raw values of masked paths."""
