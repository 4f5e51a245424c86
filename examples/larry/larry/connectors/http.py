"""HTTP as all connectors speak it: JSON in, ``Unreachable`` or ``Refused`` out."""

import json
from collections.abc import Mapping
from typing import Any, Final, cast

import httpx

from larry.ports import Refused, Unreachable

_SECONDS: Final = 30.0
_SHOWN: Final = 300
_TRY_AGAIN: Final = frozenset({408, 425, 429})


class Http:
    """One provider.

    Args:
        url: Its address.
        headers: Sent with each request, the key among them.
        who: Its name in messages.
        auth: Name and password, where it wants those.
        transport: For tests.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        who: str,
        auth: tuple[str, str] | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        # No redirect is followed: the key would go with it.
        self._client = httpx.Client(
            base_url=url,
            headers=dict(headers),
            auth=auth,
            timeout=_SECONDS,
            trust_env=False,
            # Providers are asked now and then: a line kept open would be gone by the next time.
            limits=httpx.Limits(max_keepalive_connections=0),
            transport=transport,
        )
        self._who = who

    def json(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """Send a request; give the JSON object that answers it.

        Raises:
            Unreachable: Nobody answered, or not now.
            Refused: The provider will not have this request.
        """
        try:
            response = self._client.request(method, path, **request)
        except httpx.RequestError as error:
            raise Unreachable(f"{self._who} cannot be reached: {type(error).__name__}") from error
        if response.is_server_error or response.status_code in _TRY_AGAIN:
            raise Unreachable(f"{self._who} answers {response.status_code}: try again later")
        if not response.is_success:
            told = response.text[:_SHOWN]
            raise Refused(f"{self._who} answers {response.status_code}: {told}")
        return self._object(response)

    def _object(self, response: httpx.Response) -> dict[str, Any]:
        try:
            body = json.loads(response.content)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise Unreachable(f"{self._who} answers something else than JSON")
        return cast("dict[str, Any]", body)
