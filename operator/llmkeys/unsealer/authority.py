"""Whom the unsealer asks: the API server as a small protocol, and the same with a short memory."""

from collections.abc import Callable
from typing import Final, Protocol

from llmkeys.api.objects import Key
from llmkeys.unsealer.bearer import Bearer
from llmkeys.unsealer.cache import ExpiringCache
from llmkeys.unsealer.caller import TokenVerdict, User
from llmkeys.unsealer.subject import Subject

REMEMBERED: Final = 10.0
"""Seconds within which a revocation acts."""
# A pod may start together with its credential, and must not wait for a "no" that has become wrong.
_ABSENCE_REMEMBERED: Final = 2.0
_SIZE: Final = 2048


class Authority(Protocol):
    """The API server's words.

    Every method raises RetryableError if it cannot be asked, PlatformError if we lack the right to.
    """

    async def review_token(self, bearer: Bearer) -> TokenVerdict:
        """Whose token it is (TokenReview, audience llmkeys.dev)."""
        ...

    async def may_unseal(self, user: User, key: Key) -> bool:
        """Whether RBAC allows `create llmcredentials/unseal` on one LLMCredential (SubjectAccessReview)."""
        ...

    async def subject(self, key: Key) -> Subject | None:
        """The LLMCredential as it is now, None if there is none."""
        ...


class RememberingAuthority:
    """Asks the same question at most every ten seconds.

    Args:
        authority: that is asked.
        monotonic: seconds of a clock that never goes back.
        looked_up: told the kind of every question, and whether memory answered it.

    """

    def __init__(
        self,
        authority: Authority,
        monotonic: Callable[[], float],
        looked_up: Callable[[str, bool], None] = lambda _kind, _remembered: None,
    ) -> None:
        self._authority: Final = authority
        self._tokens: Final = ExpiringCache[bytes, TokenVerdict](
            lambda _: REMEMBERED, _SIZE, monotonic, lambda hit: looked_up("token", hit)
        )
        self._rights: Final = ExpiringCache[tuple[str, Key], bool](
            lambda _: REMEMBERED, _SIZE, monotonic, lambda hit: looked_up("access", hit)
        )
        self._subjects: Final = ExpiringCache[Key, Subject | None](
            lambda found: _ABSENCE_REMEMBERED if found is None else REMEMBERED,
            _SIZE,
            monotonic,
            lambda hit: looked_up("credential", hit),
        )

    async def review_token(self, bearer: Bearer) -> TokenVerdict:
        return await self._tokens.get(bearer.digest, lambda: self._authority.review_token(bearer))

    async def may_unseal(self, user: User, key: Key) -> bool:
        return await self._rights.get((user.username, key), lambda: self._authority.may_unseal(user, key))

    async def subject(self, key: Key) -> Subject | None:
        return await self._subjects.get(key, lambda: self._authority.subject(key))
