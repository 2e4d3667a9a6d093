"""What questions are asked about: exports and a window; made once, tiny, and tagged."""
