"""The stage that gets every planned table exported."""
