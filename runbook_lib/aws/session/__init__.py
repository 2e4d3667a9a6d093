"""Sessions and clients of the three sides: identities, endpoints, granted calls."""
