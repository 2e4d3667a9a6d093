"""The section of a migration file that says how names follow from names."""

from __future__ import annotations

import re
import string

from pydantic import Field, model_validator

from runbook_lib.config.section import Strict


class Rename(Strict):
    """How a target's name follows from its source's."""

    pattern: str = Field(description="regular expression that must match the whole source name")
    to: str = Field(description="target name, with {group} for the pattern's named groups; each has to take part")

    @model_validator(mode="after")
    def _groups(self) -> Rename:
        try:
            groups = set(re.compile(self.pattern).groupindex)
        except re.error as error:
            raise ValueError(f"pattern is not a regular expression: {error}") from error
        try:
            used = {name for _, name, _, _ in string.Formatter().parse(self.to) if name is not None}
        except ValueError as error:
            raise ValueError(f"'to' is not a template: {error}") from error
        if used - groups:
            raise ValueError(f"'to' uses {sorted(used - groups)}, but pattern names only {sorted(groups)}")
        return self

    def new_name(self, name: str) -> str | None:
        """What a name becomes, None where the pattern does not match it; a group that takes no part is empty."""
        match = re.fullmatch(self.pattern, name)
        return self.to.format(**match.groupdict(default="")) if match else None

    def silent_group(self, name: str) -> str:
        """A group that `to` uses and that takes no part in a name, as an optional one may not; none where all do."""
        match = re.fullmatch(self.pattern, name)
        used = [field for _, field, _, _ in string.Formatter().parse(self.to) if field is not None]
        return next((group for group in used if match and match[group] is None), "")
