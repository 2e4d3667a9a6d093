"""The sections of a migration file about what stands around the tables."""

from __future__ import annotations

from pydantic import Field

from runbook_lib.config.section import Strict


class ReferencesSettings(Strict):
    """Where to look for the names of the old tables."""

    in_preflight: bool = Field(
        default=True, description="in the pre-flight, search both sides for what names the old tables; reads only"
    )
    roles: bool = Field(
        default=False,
        description="also search the policies of all roles of the account, which can be a long list",
    )


class SurroundingsSettings(Strict):
    """What of the tables' surroundings is written as code, and what it is called in the target."""

    of_tables: bool = Field(default=True, description="event-source mappings and pipes of the tables' streams")
    queues: list[str] = Field(default_factory=list, description="names or globs of queues; dead-letter queues follow")
    topics: list[str] = Field(default_factory=list, description="names or globs of topics, with their subscriptions")
    buses: list[str] = Field(
        default_factory=list, description="names or globs of event buses, with their rules; `default` is the account's"
    )
    schedules: list[str] = Field(default_factory=list, description="names or globs of schedules, as GROUP/NAME")
    alarms: bool | list[str] = Field(
        default=True, description="true: alarms that name one of the above or of the tables; or names or globs"
    )
    dashboards: bool | list[str] = Field(
        default=True, description="true: dashboards that name one of the above or of the tables; or names or globs"
    )
    log_groups: list[str] = Field(default_factory=list, description="names or globs of log groups")
    names: dict[str, str] = Field(
        default_factory=dict,
        description="name in the source: name in the target, where tables.rename does not give the right name; also of "
        "what a parameter stands for: an ARN, an account, a key or a subnet of the source and its counterpart",
    )
