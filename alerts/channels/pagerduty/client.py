"""The one place where PagerDuty is called: its library in a thread, without retries, DeliveryError for all that
fails.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from alerts.channels.kit import Surroundings, fill_in, in_thread, trust, wait_of
from alerts.channels.pagerduty.spec import Spec
from probes.words.errors import DeliveryError
from probes.words.text import for_log

if TYPE_CHECKING:
    from pagerduty import EventsApiV2Client, RestApiV2Client

T = TypeVar("T")
BUSY_WAIT = 30.0  # seconds: what PagerDuty advises after a 429 that does not say
LONGEST_REST = 300.0  # seconds without a question, after several 429 in a row
GRACE = 2.0  # seconds beyond the library's own time-out, for connection and TLS before it

logging.getLogger("pagerduty.api_client").setLevel(logging.CRITICAL)  # what fails is reported here, once


class PagerDuty:
    """Both APIs of one account; each call has a client of its own, as the library is made for one thread."""

    def __init__(self, spec: Spec, around: Surroundings) -> None:
        self.spec = spec
        self.around = around
        self._rests_until, self._refused = 0.0, 0  # seconds of the clock; how many 429 came in a row

    @property
    def reads(self) -> bool:
        """True when there is a key for the REST API."""
        return self.spec.api_key is not None

    async def event(self, action: str, key: str, *, urgent: bool = True, **fields: Any) -> str:
        """Send trigger, acknowledge or resolve for `key`; returns the key PagerDuty confirmed. Raises DeliveryError.

        What is not `urgent` goes to the service that wakes nobody, where there is one.
        """
        reference = self.spec.routing_key if urgent else self.spec.low_urgency_routing_key or self.spec.routing_key
        routing_key = fill_in(reference, self.around, what="PagerDuty's routing_key")
        url = fill_in(self.spec.url, self.around, what="PagerDuty's url")
        context = trust(self.spec.ca_file)

        def work() -> str:
            from pagerduty import EventsApiV2Client

            client = EventsApiV2Client(routing_key, base_url=url, verify=context)
            with self._tamed(client):
                return str(client.send_event(action, dedup_key=key, **fields))

        return await self._run(work)

    async def read(self, path: str, **params: Any) -> dict[str, Any]:
        """One GET of the REST API; raises DeliveryError, at once while PagerDuty has asked for quiet."""
        left = self._rests_until - self.around.clock.mono()
        if left > 0:
            raise DeliveryError("PagerDuty: asked too often, so it is left alone for a while", retry_after=left)
        api_key = fill_in(self.spec.api_key or "", self.around, what="PagerDuty's api_key")
        url = fill_in(self.spec.api_url, self.around, what="PagerDuty's api_url")
        context = trust(self.spec.ca_file)

        def work() -> dict[str, Any]:
            from pagerduty import RestApiV2Client

            client = RestApiV2Client(api_key, base_url=url, verify=context)
            with self._tamed(client):
                answer = client.jget(path, params=params)
            return answer if isinstance(answer, dict) else {}

        try:
            found = await self._run(work)
        except DeliveryError as error:
            self._rest(error.retry_after)
            raise
        self._refused = 0
        return found

    def _rest(self, asked: float | None) -> None:
        """Ask nothing for as long as a 429 says; for longer when one follows the other."""
        if asked is not None:
            wait = max(asked, min(LONGEST_REST, 2.0 ** min(self._refused, 10)))
            self._rests_until, self._refused = self.around.clock.mono() + wait, self._refused + 1

    def _tamed(self, client: EventsApiV2Client | RestApiV2Client) -> Any:
        """The client without any retry of its own: unchanged it repeats a 429 for ever, asleep in its thread."""
        client.timeout = self.spec.timeout.total_seconds()  # type: ignore[assignment]  # fractions are fine
        client.max_network_attempts = 0
        client.retry.clear()
        client.retry[429] = 1  # 0 would mean for ever …
        client.max_http_attempts = -1  # … and this makes it none
        return client

    async def _run(self, work: Callable[[], T]) -> T:
        """The result of a call in a thread, or the DeliveryError it means."""
        try:
            return await in_thread(work, seconds=self.spec.timeout.total_seconds() + GRACE)
        except TimeoutError:
            raise DeliveryError("PagerDuty did not answer in time", unknown=True) from None
        except DeliveryError:
            raise
        except Exception as error:  # the boundary to a library that also lets RuntimeError and AttributeError escape
            raise meaning(error) from None


def meaning(error: Exception) -> DeliveryError:
    """The DeliveryError that an exception of the library means. The key is fixed, so repeating is always safe."""
    from pagerduty import Error, HttpError, UrlError

    if isinstance(error, HttpError):
        return refusal(error.response)
    if isinstance(error, UrlError):
        return DeliveryError("PagerDuty's address is not one; write https://events.pagerduty.com", permanent=True)
    if isinstance(error, Error):
        return broken_wire(error.__cause__ or error)
    return DeliveryError(f"PagerDuty's library failed ({type(error).__name__})", permanent=True, unknown=True)


def refusal(response: Any) -> DeliveryError:
    """What an answer other than success means."""
    status = int(response.status_code)
    if status == 429:
        header = response.headers.get("retry-after") or response.headers.get("ratelimit-reset")
        return DeliveryError("PagerDuty: too many requests", retry_after=wait_of(header, otherwise=BUSY_WAIT))
    said = _words(response)
    if status == 408 or status >= 500 or status < 400:
        return DeliveryError(f"PagerDuty: HTTP {status}{said}", unknown=True)
    hint = {
        400: "; is the routing key an Events API v2 key of 32 characters?",
        401: "; the key is wrong, or of another region: EU accounts set url and api_url",
        402: "; the account's plan does not allow this",
        403: "; the key may not do this",
    }.get(status, "")
    return DeliveryError(f"PagerDuty: HTTP {status}{said}{hint}", permanent=True)


def _words(response: Any) -> str:
    """PagerDuty's own sentence, cleaned; its answers never hold the routing key."""
    try:
        body = response.json()
    except ValueError:
        return ""
    error = body.get("error", body) if isinstance(body, dict) else {}
    parts = [error.get("message"), *(error.get("errors") or [])] if isinstance(error, dict) else []
    said = ", ".join(str(part) for part in parts if part)
    return f" ({for_log(said, 200)})" if said else ""


def broken_wire(cause: BaseException) -> DeliveryError:
    """What never connected has not arrived; of all else nobody knows."""
    import httpx2

    name = type(cause).__name__
    if isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.UnsupportedProtocol | httpx2.ProxyError):
        return DeliveryError(f"PagerDuty cannot be reached ({name})")
    return DeliveryError(f"PagerDuty did not answer ({name})", unknown=True)
