"""What the sandbox answers where moto would answer otherwise."""
