"""Every error that AWS documents for a call in use, and what it means for whoever asked.

A test holds this table to botocore's model: an error that a newer model adds turns it red, and so does one that the
model calls retryable and this table does not. Sources: the model's `errors` and `retryable` traits; "Error handling
with DynamoDB", Developer Guide; "Common Error Types" and "Error Responses" of the API references.
"""

from __future__ import annotations

from enum import StrEnum


class ErrorClass(StrEnum):
    """What an error asks for: the first three are sent again, the others never as they are."""

    THROTTLED = "throttled: asked again, more slowly"
    AGAIN = "temporary: asked again"
    EXPIRED = "credentials have expired: read anew, and asked again soon or not at all"
    ITEM = "an item is refused: the batch is taken apart, the item goes to quarantine"
    CONFLICT = "something else is or was done there: looked at, never repeated blindly"
    MISSING = "there is no such thing"
    PERMANENT = "refused: the step ends and says what to do"


_CODES: dict[ErrorClass, tuple[str, ...]] = {
    ErrorClass.THROTTLED: (
        "BandwidthLimitExceeded", "EC2ThrottledException", "LimitExceededException", "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException", "RequestLimitExceeded", "RequestThrottled",
        "RequestThrottledException", "SlowDown", "ThrottledException", "Throttling", "ThrottlingException",
        "TooManyRequestsException",
    ),
    ErrorClass.AGAIN: (
        "ConcurrentUpdateException", "InternalError", "InternalFailure", "InternalServerError",
        "InternalServiceException", "PolicyEvaluation", "ReplicatedWriteConflictException", "RequestTimeout",
        "RequestTimeoutException", "ServiceException", "ServiceUnavailable", "TransactionConflictException",
        "TransactionInProgressException",
    ),
    ErrorClass.EXPIRED: ("ExpiredToken", "ExpiredTokenException", "RequestExpired"),
    ErrorClass.ITEM: ("ItemCollectionSizeLimitExceededException", "SerializationException", "ValidationException"),
    ErrorClass.CONFLICT: (
        "ConditionalCheckFailedException", "ContinuousBackupsUnavailableException", "ExportConflictException",
        "ImportConflictException", "PreconditionFailed", "ResourceInUseException",
    ),
    ErrorClass.MISSING: (
        "ExportNotFoundException", "ImportNotFoundException", "NoSuchBucket", "NoSuchEntity", "NoSuchKey",
        "ResourceNotFoundException", "TableNotFoundException",
    ),
    ErrorClass.PERMANENT: (
        "AccessDenied", "AccessDeniedException", "EncryptionTypeMismatch", "FailedResourceAccessException",
        "IncompleteSignature", "InvalidClientTokenId", "InvalidExportTimeException", "InvalidInput",
        "InvalidNextTokenException", "InvalidObjectState", "InvalidParameterValueException", "InvalidRequest",
        "InvalidSignatureException", "InvalidWriteOffset", "MissingAuthenticationToken",
        "MissingAuthenticationTokenException", "OptInRequired", "PointInTimeRecoveryUnavailableException",
        "TooManyParts", "UnknownOperationException", "UnrecognizedClientException",
    ),
}  # fmt: skip
CLASSES: dict[str, ErrorClass] = {code: kind for kind, codes in _CODES.items() for code in codes}


def codes_of(kind: ErrorClass) -> frozenset[str]:
    """The codes of one class."""
    return frozenset(_CODES[kind])


def class_of(code: str) -> ErrorClass:
    """What an error code means; one that nobody has classed is never repeated."""
    return CLASSES.get(code, ErrorClass.PERMANENT)
