"""Compare the definitions of planned pairs, and say what of it stands in the way of an import."""

from __future__ import annotations

from runbook_lib.aws.dynamodb.describe.members import KEY, STREAM
from runbook_lib.aws.dynamodb.describe.partial_definition import describe_partial, read_partial_definition
from runbook_lib.aws.session.clients import Clients
from runbook_lib.config.check_ids import AnyId, CheckId, definition_id
from runbook_lib.config.model import Migration
from runbook_lib.config.sections.accept import KNOWN_IDS
from runbook_lib.errors import ForbiddenCall
from runbook_lib.plan.check import BLOCKER, NOT_CHECKED, OK, WARNING, Check, Obstacle, look_again, why_not
from runbook_lib.plan.pair import Pair
from runbook_lib.schema.attached import with_attached
from runbook_lib.schema.difference import BLOCKS, WARNS, DefinitionDifference, Gap, Parity
from runbook_lib.schema.parity import compare_definitions

EVERY = "every property"


def look_alike(config: Migration, clients: Clients, pair: Pair, *, deep: bool = True) -> Parity | None:
    """The comparison of a pair; None where one of the tables is not there or nothing is to be migrated.

    A table that may not be read is a gap, as a single property would be. Unless it looks `deep`, only what
    DescribeTable says is compared; whatever blocks an import is among it.
    """
    if pair.source_facts is None or pair.target_facts is None or pair.method == "skip":
        return None
    try:
        if not deep:
            described = describe_partial(clients.source, pair.source), describe_partial(clients.target, pair.target)
            return compare_definitions(*described, config.parity.accept)
        source, target = (
            read_partial_definition(clients.source, pair.source),
            read_partial_definition(clients.target, pair.target),
        )
        both = with_attached(clients, (pair.source_facts.arn, pair.target_facts.arn), source, target)
        return compare_definitions(*both, config.parity.accept)
    except ForbiddenCall:
        raise
    except Exception as error:
        return Parity((), (Gap(EVERY, why_not(error)),), ())


def parity_checks(pair: Pair, parity: Parity | None) -> list[Check]:
    """The comparison as checks of the pre-flight; key and stream of a target have checks of their own."""
    if parity is None:
        return []
    told = [d for d in parity.differences if _is_told(d)]
    found = [
        Check(
            definition_id(d.property), pair.target, BLOCKER if d.rating == BLOCKS else WARNING,
            f"{d.what} {d.source}, as the source has it", d.target, d.remedy, configuration=d.rating == BLOCKS,
            about=d.what, source=pair.source,
        )
        for d in told
    ]  # fmt: skip
    found += [
        Check(
            gap_id(gap.property),
            pair.target,
            NOT_CHECKED,
            f"{gap.property} as the source has it",
            gap.why,
            look_again(gap_id(gap.property)),
            source=pair.source,
        )
        for gap in parity.not_checked
    ]
    good = Check(
        CheckId.DEFINITION, pair.target, OK, f"the definition of {pair.source}", "nothing that warns",
        source=pair.source,
    )  # fmt: skip
    return found or [good]


def gap_id(property_: str) -> AnyId:
    """The id of a comparison that could not be made."""
    if property_ == EVERY:
        return CheckId.DEFINITION
    known = definition_id(property_)
    return known if known in KNOWN_IDS else CheckId.UNFAMILIAR_MEMBER


def parity_blockers(pair: Pair, parity: Parity | None) -> list[Obstacle]:
    """What cannot be fixed any more; the key is compared with every item."""
    return [check.obstacle for check in parity_checks(pair, parity) if check.status == BLOCKER]


def _is_told(difference: DefinitionDifference) -> bool:
    own = difference.property == KEY or (difference.property == STREAM and difference.target != "off")
    return difference.rating in (BLOCKS, WARNS) and not own
