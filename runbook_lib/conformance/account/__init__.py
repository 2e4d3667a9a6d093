"""Asking an account: what it costs first, what it may touch, and that nothing stays behind."""
