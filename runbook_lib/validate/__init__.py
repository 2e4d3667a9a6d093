"""The stage that proves each target against its export."""
