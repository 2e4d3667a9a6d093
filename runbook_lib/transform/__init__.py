"""The stage that turns each export into a new one: filtered, hooked and masked."""
