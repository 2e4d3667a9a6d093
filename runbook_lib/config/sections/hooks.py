"""The section of a migration file that says what is asked at the freeze and before the go: commands and probes."""

from __future__ import annotations

from pydantic import Field, JsonValue, model_validator

from runbook_lib.config.section import Strict

WEB = r"^https?://[^@\s]+$"


class HttpProbe(Strict):
    """A page that has to answer; a redirect is an answer, and not followed."""

    url: str = Field(pattern=WEB, description="the URL, without credentials")
    status: int = Field(default=200, ge=100, le=599, description="expected status")


class GraphqlProbe(Strict):
    """A query that has to be answered without errors, with something under a path."""

    endpoint: str = Field(pattern=WEB, description="the URL, without credentials")
    query: str = Field(min_length=1, description="the query")
    path: str = Field(pattern=r"^[^.]+(\.[^.]+)*$", description='place in `data` that must not be null: "orders.items"')
    headers: dict[str, str] = Field(
        default_factory=dict, description="headers, and the environment variables that hold their values"
    )


class LambdaProbe(Strict):
    """A function that has to come to its end without an error; it is invoked once, by the target's credentials."""

    function: str = Field(
        pattern=r"^(arn:[a-z-]+:lambda:[a-z0-9-]+:[0-9]{12}:function:)?[A-Za-z0-9_-]{1,140}(:[A-Za-z0-9_$-]{1,128})?$",
        description="name or ARN, with a version or an alias if need be; a name is looked for in the target's region",
    )
    payload: dict[str, JsonValue] = Field(default_factory=dict, description="what it is given, as JSON")

    @property
    def region(self) -> str | None:
        """The region that an ARN names."""
        parts = self.function.split(":")
        return parts[3] if len(parts) > 6 and parts[0] == "arn" else None


class Hook(Strict):
    """One thing to be done or asked: a command without a shell, or a probe."""

    name: str = Field(min_length=1, max_length=100, description="its name in the report")
    run: list[str] | None = Field(
        default=None,
        min_length=1,
        description="a program and its arguments, run without a shell; exit code 0 is success",
    )
    environment: list[str] = Field(
        default_factory=list, description="variables that the command gets besides PATH, HOME and LANG"
    )
    http: HttpProbe | None = None
    graphql: GraphqlProbe | None = None
    lambda_: LambdaProbe | None = Field(default=None, alias="lambda")
    timeout: float = Field(default=60.0, gt=0, le=3600, description="seconds after which it fails")

    @model_validator(mode="after")
    def _one_kind(self) -> Hook:
        if sum(kind is not None for kind in (self.run, self.http, self.graphql, self.lambda_)) != 1:
            raise ValueError("expected one of run, http, graphql and lambda")
        return self


class Hooks(Strict):
    """What a cut-over does and asks besides its own proofs."""

    freeze: list[Hook] = Field(
        default_factory=list, description="done in this order before the typed moment of the freeze is taken"
    )
    smoke: list[Hook] = Field(
        default_factory=list, description="asked in this order before the go; one that fails keeps the gate shut"
    )
