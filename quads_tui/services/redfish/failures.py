"""What an answer that cannot be used, or none, means for a stage: the cause, and whether another attempt may help."""

from __future__ import annotations

from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.services.responses import FailureKind, RequestFailed

from .errors import ErrorResponse
from .login import Busy
from .quirks import Meaning


def failure_from(error: RequestFailed | Busy | StageFailure) -> StageFailure:
    """What a request that got no usable answer means for the stage."""
    if isinstance(error, RequestFailed):
        if error.kind is FailureKind.REDIRECT:
            return StageFailure(Cause.PROTOCOL, error.reason)
        if error.kind is FailureKind.NOT_YET:
            return StageFailure(Cause.BUSY, error.reason, after=error.after)
        # A certificate that is not believed does not get better by asking again.
        return StageFailure(Cause.UNREACHABLE, error.reason, retryable=error.kind is not FailureKind.TLS)
    if isinstance(error, Busy):
        return failure_of(error.response)
    return error


def failed_look(refusal: ErrorResponse) -> StageFailure:
    """As `failure_of`, for a GET: a BMC that is starting answers even to what it serves that the method is not allowed."""
    failure = failure_of(refusal)
    failure.retryable |= refusal.status == 405
    return failure


def failure_of(refusal: ErrorResponse) -> StageFailure:
    """What an error response means for the stage: cause, whether another attempt may help, and after how long (DSP0266 8.6)."""
    if refusal.status == 401:
        return StageFailure(Cause.CREDENTIALS, refusal.text, retryable=False)
    if refusal.means(Meaning.PASSWORD_CHANGE):
        return StageFailure(Cause.CREDENTIALS, f"the password must be changed first: {refusal.text}", retryable=False)
    if refusal.busy:
        return StageFailure(Cause.BUSY, refusal.text, after=refusal.after)
    if refusal.status >= 500:
        return StageFailure(Cause.PROTOCOL, refusal.text, after=refusal.after)
    if refusal.page:
        return StageFailure(Cause.PROTOCOL, refusal.text)
    if refusal.status in (403, 405):
        return StageFailure(Cause.REFUSED, refusal.text, retryable=False)
    return StageFailure(Cause.REFUSED, refusal.text)
