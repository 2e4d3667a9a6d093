"""The stage that writes what people read."""
