"""What becomes of people's data on its way to another environment: rules, verbs and filters. Pure: no AWS, no files."""
