"""What notebooks show and ask: tables, live rows, forms, gates."""
