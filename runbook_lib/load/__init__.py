"""The stage that loads exports into targets."""
