"""The stage that makes of each export another one: filtered, hooked and masked; and what it needs for that."""
