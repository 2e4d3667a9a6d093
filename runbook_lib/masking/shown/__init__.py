"""Which names of attributes and maps may be shown: a name may itself be somebody's address, number or token."""
