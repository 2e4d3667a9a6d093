"""Items as bytes and as values: lines, keys, sizes, canonical form."""
