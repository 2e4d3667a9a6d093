"""The questions, a module for each topic."""
