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
        "CodeArtifactUserPendingException", "ConcurrentUpdateException", "DependencyTimeoutException",
        "ENINotReadyException", "InternalError", "InternalException", "InternalFailure", "InternalFailureException",
        "InternalServerError", "InternalServerException", "InternalServiceError", "InternalServiceException",
        "KMSInternalException", "KeyUnavailableException", "PolicyEvaluation", "ReplicatedWriteConflictException",
        "RequestTimeout", "RequestTimeoutException", "ResourceNotReadyException", "ServiceException", "ServiceFailure",
        "ServiceUnavailable", "ServiceUnavailableException", "SnapStartNotReadyException",
        "TransactionConflictException", "TransactionInProgressException",
    ),
    ErrorClass.EXPIRED: ("ExpiredToken", "ExpiredTokenException", "RequestExpired"),
    ErrorClass.ITEM: ("ItemCollectionSizeLimitExceededException", "SerializationException", "ValidationException"),
    ErrorClass.CONFLICT: (
        "ConcurrentAccess", "ConditionalCheckFailedException", "ConflictException",
        "ContinuousBackupsUnavailableException", "DurableExecutionAlreadyStartedException", "ExportConflictException",
        "IdempotentParameterMismatchException", "ImportConflictException", "PreconditionFailed",
        "ResourceConflictException", "ResourceInUseException",
    ),
    ErrorClass.MISSING: (
        "ExpiredIteratorException", "ExportNotFoundException", "ImportNotFoundException", "KMSNotFoundException",
        "NoSuchBucket", "NoSuchEntity", "NoSuchKey", "NotFound", "NotFoundException", "ObjectNotFoundException",
        "PolicyNotFoundException", "QueueDoesNotExist", "ResourceNotFound", "ResourceNotFoundException",
        "TableNotFoundException", "TrimmedDataAccessException",
    ),
    ErrorClass.PERMANENT: (
        "AccessDenied", "AccessDeniedException", "AuthorizationError", "BadRequestException",
        "CodeArtifactUserDeletedException", "CodeArtifactUserFailedException", "DisabledException",
        "DryRunOperationException", "EC2AccessDeniedException", "EC2UnexpectedException", "EFSIOException",
        "EFSMountConnectivityException", "EFSMountFailureException", "EFSMountTimeoutException",
        "ENILimitReachedException", "EncryptionTypeMismatch", "FailedResourceAccessException", "IncompleteSignature",
        "InvalidAddress", "InvalidArnException", "InvalidAttributeName", "InvalidClientTokenId",
        "InvalidExportTimeException", "InvalidGrantTokenException", "InvalidInput", "InvalidKeyUsageException",
        "InvalidNextToken", "InvalidNextTokenException", "InvalidObjectState", "InvalidParameter",
        "InvalidParameterException", "InvalidParameterValue", "InvalidParameterValueException", "InvalidRequest",
        "InvalidRequestContentException", "InvalidRuntimeException", "InvalidSecurity",
        "InvalidSecurityGroupIDException", "InvalidSignatureException", "InvalidSubnetIDException",
        "InvalidWriteOffset", "InvalidZipFileException", "KMSAccessDeniedException", "KMSDisabledException",
        "KMSInvalidSignatureException", "KMSInvalidStateException", "MissingAuthenticationToken",
        "MissingAuthenticationTokenException", "ModeNotSupportedException", "NoPublishedVersionException",
        "OptInRequired", "PointInTimeRecoveryUnavailableException", "RecursiveInvocationException",
        "RequestTooLargeException", "RuntimeAliasDeletedException", "RuntimeVersionDeletedException",
        "S3FilesMountConnectivityException", "S3FilesMountFailureException", "S3FilesMountTimeoutException",
        "SerializedRequestEntityTooLargeException", "ServiceQuotaExceededException", "SnapStartException",
        "SnapStartRegenerationFailureException", "SnapStartTimeoutException", "SubnetIPAddressLimitReachedException",
        "TagPolicy", "TooManyParts", "UnauthorizedException", "UnknownOperationException",
        "UnrecognizedClientException", "UnsupportedMediaTypeException", "UnsupportedOperation",
        "UnsupportedOperationException",
    ),
}  # fmt: skip
CLASSES: dict[str, ErrorClass] = {code: kind for kind, codes in _CODES.items() for code in codes}


def codes_of(kind: ErrorClass) -> frozenset[str]:
    """The codes of one class."""
    return frozenset(_CODES[kind])


def class_of(code: str) -> ErrorClass:
    """What an error code means; one that nobody has classed is never repeated."""
    return CLASSES.get(code, ErrorClass.PERMANENT)
