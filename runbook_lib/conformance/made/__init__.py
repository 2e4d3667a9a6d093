"""What the questions are about: exports and a window, tiny, tagged and made once."""
