"""Commands with their own module; `cli` adds them."""
