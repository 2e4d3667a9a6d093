"""How personal data is transformed: rules, verbs and filters. Pure: no AWS, no files."""
