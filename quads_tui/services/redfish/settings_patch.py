"""Changes of a resource by PATCH and its like: each with its intent, counted, bounded, and no answer believed.

What became of a change is for the caller to read. Setting the same again does no harm, so what nobody knows is sent again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.ports import REFUSALS, NotSent
from quads_tui.rollout.stages import ActResult
from quads_tui.rollout.text import clean
from quads_tui.services.responses import FailureKind, RequestFailed

from .connection import BmcConnection
from .errors import ErrorResponse, error_response
from .failures import failure_from, failure_of
from .learned import Step
from .login import Busy
from .quirks import Meaning, TagSpelling

_LOCKED = (5.0, 10.0, 15.0, 30.0, 30.0)  # while the BIOS holds the settings during POST
_MOST_SENT = 12


class Changes:
    """The requests of one change, until `deadline` (own time). `what` names it in a failure's reason."""

    def __init__(self, connection: BmcConnection, what: str, deadline: float, *, most: int = _MOST_SENT) -> None:
        self._connection = connection
        self._clock = connection.clock
        self._what = what
        self._deadline = deadline
        self._most = most
        self.sent = 0
        self.last = ""  # the last refusal, in the BMC's words
        self.accepted = False  # the last one was answered with a success
        self._spelling: TagSpelling | None = None  # of the last patch
        self.by_task = False  # by 202: a task does it, in its own time

    async def patch(
        self, path: str, body: dict[str, object], etag: str, afresh: Callable[[], Awaitable[str]]
    ) -> ErrorResponse | None:
        """Send it with the entity tag spelled as the BMC takes it; `afresh` reads it again. As `send`."""
        usable = tuple(TagSpelling) if etag else (TagSpelling.NONE, TagSpelling.STAR)
        spellings = self._connection.learned.ordered(Step.IF_MATCH, usable)
        sent: set[str] = set()
        refreshed = False
        refusal: ErrorResponse | None = None
        while spellings:
            self._spelling = spellings.pop(0)
            tag = self._spelling.of(etag)
            if tag in sent:
                continue
            sent.add(tag)
            refusal = await self.send("PATCH", path, body, tag)
            if refusal is None or not _by_tag(refusal, tag):
                return refusal
            if etag and tag and not refreshed:
                # The first refusal may be of a tag that has changed: once more in the same spelling (13).
                refreshed = True
                etag = await afresh() or etag
                sent.discard(self._spelling.of(etag))
                spellings.insert(0, self._spelling)
        return refusal

    def proved(self) -> None:
        """A read shows what was wanted: that is how this BMC wants its entity tags spelled."""
        if self._spelling is not None and self.accepted:
            self._connection.learned.worked(Step.IF_MATCH, self._spelling)

    async def send(self, method: str, path: str, body: dict[str, object] | None, tag: str = "") -> ErrorResponse | None:
        """One request; None where it was accepted, or nobody knows. Raises StageFailure and what SideEffects.intend raises."""
        if self.sent >= self._most or self._clock.now() > self._deadline:
            raise StageFailure(Cause.TIMEOUT, f"{self._what} was not set: {self.last or 'no effect'}")
        acts = self._connection.acts
        await acts.intend("override", {"path": path, **(body or {"method": method})})
        self.sent += 1
        try:
            answer = await self._connection.exchange(method, path, body, {"If-Match": tag} if tag else {})
        except RequestFailed as error:
            acts.result(ActResult.UNKNOWN if error.sent else ActResult.ABSENT, {"error": error.reason})
            if error.kind is FailureKind.TLS:
                raise failure_from(error) from None
            return None if error.sent else ErrorResponse(503, frozenset(), error.reason)
        except (Busy, StageFailure) as error:
            acts.result(ActResult.ABSENT, {"error": str(error)})
            if isinstance(error, StageFailure):
                raise
            return error.response
        except NotSent as no:
            acts.result(ActResult.ABSENT, {"error": f"not sent: {no}"})
            return ErrorResponse(503, frozenset(), f"not sent: {no}")
        except REFUSALS as no:
            acts.result(ActResult.ABSENT, {"error": f"not sent: {str(no) or 'the rollout is stopping'}"})
            raise
        except BaseException:
            acts.result(ActResult.UNKNOWN, {"error": "interrupted"})
            raise
        acts.result(ActResult.ANSWERED, {"status": answer.status})
        self.accepted, self.by_task = answer.ok, answer.status == 202
        if answer.ok:
            return None
        refusal = error_response(answer)
        self.last = refusal.text
        return refusal

    async def should_retry(self, refusal: ErrorResponse) -> bool:
        """Wait where waiting helps; False where another way must be tried. Raises what ends the stage."""
        failure = failure_of(refusal)
        if refusal.busy:
            if await self._connection.leave_alone(self._deadline, failure) or refusal.after is not None:
                return True  # where the look after it has waited already, too
        elif refusal.status in (401, 403) and not refusal.page:
            raise failure
        elif (
            not refusal.means(Meaning.LOCKED)
            and refusal.status not in (409, 412, 428)
            and refusal.status < 500
            and not refusal.page
        ):
            return False
        pause = _LOCKED[min(self.sent - 1, len(_LOCKED) - 1)]
        if self._clock.now() + pause > self._deadline:
            raise StageFailure(Cause.BUSY, refusal.text, after=refusal.after)
        self._connection.acts.note(f"trying again: {clean(refusal.text)}", waits=True)
        await self._clock.sleep(pause)
        return True


def _by_tag(refusal: ErrorResponse, tag: str) -> bool:
    """Whether another If-Match may be taken."""
    if refusal.status in (412, 428):
        return True
    return refusal.status == 400 and bool(tag) and refusal.means(Meaning.PRECONDITION)
