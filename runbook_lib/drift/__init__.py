"""How far targets are from their live sources by now, look by look: for information only."""
