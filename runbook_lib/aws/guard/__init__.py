"""What each side may be asked to do: refused before a byte leaves the machine, and counted."""
