"""The Prefect API that runs report to: the configured one, or a server of our own that ends with the command."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.flow.own_server import OwnServer
from sceneparse.core.errors import InputError

OWN_SERVER = "then the command starts its own server"


@dataclass(frozen=True)
class PrefectApi:
    """The API in use: its URL, and the log of its server if that is our own."""

    url: str
    log: Path | None

    @property
    def page(self) -> str:
        """Address of Prefect's pages."""
        return self.url.removesuffix("/").removesuffix("/api")


def start_prefect() -> OwnServer | None:
    """Start a server of our own, unless PREFECT_API_URL names an API.

    The server takes seconds to start. Meanwhile the caller can import Prefect; then it calls `use_prefect_api`.
    """
    print("starting Prefect", file=sys.stderr, flush=True)
    return None if os.environ.get("PREFECT_API_URL") else OwnServer()


def use_prefect_api(own: OwnServer | None) -> PrefectApi:
    """Return the API for this process and its children: the one that Prefect's settings name, or else our own.

    `own`: what `start_prefect` returned. Raises InputError if the configured API does not answer, or refuses this user,
    or if our own server does not start; TransientError if that has no space for its records.
    """
    from prefect.context import refresh_global_settings_context
    from prefect.settings import get_current_settings

    configured = get_current_settings().api.url
    if configured:
        if own:  # a profile names the API
            own.close()
        _check(str(configured))
        return PrefectApi(str(configured), None)
    own = own or OwnServer()
    url = own.wait()
    os.environ["PREFECT_API_URL"] = url
    refresh_global_settings_context()  # temporary_settings would not reach threads
    return PrefectApi(url, own.log)


def _check(url: str) -> None:
    """Raise InputError unless Prefect's API answers this user at `url`."""
    import httpx
    from prefect.client.orchestration import get_client

    try:
        with api_reached(), get_client(sync_client=True) as client:
            client.read_flows(limit=1)
    except (httpx.HTTPStatusError, httpx.InvalidURL, ValueError) as error:  # ValueError: no JSON, or another API's
        raise InputError(
            "this is not Prefect's API",
            expected="the address of a Prefect API, as in http://127.0.0.1:4200/api",
            got=str(error).splitlines()[0],
            file=f"PREFECT_API_URL={url}",
            next_step=f"fix the address, or unset it: {OWN_SERVER}",
        ) from None


@contextmanager
def api_reached() -> Iterator[None]:
    """Turn Prefect's error into InputError when a configured API does not answer, or asks for a login."""
    import httpx

    try:
        yield
    except (RuntimeError, httpx.HTTPStatusError, httpx.TransportError) as error:
        where = os.environ.get("PREFECT_API_URL", "prefect config view")
        if isinstance(error, httpx.HTTPStatusError):
            if error.response.status_code not in (401, 403):
                raise
            raise InputError(
                "Prefect's API asks for a login",
                expected="credentials for that server: user:password, or the API key of Prefect Cloud",
                got=f"HTTP {error.response.status_code} {error.response.reason_phrase}",
                file=where,
                next_step="set PREFECT_API_AUTH_STRING or PREFECT_API_KEY; for Prefect Cloud: prefect cloud login",
            ) from None
        if isinstance(error, RuntimeError) and not str(error).startswith("Failed to reach API"):
            raise
        raise InputError(
            "Prefect's API does not answer",
            expected="the server that PREFECT_API_URL or the active Prefect profile names",
            got=str(error) or type(error).__name__,
            file=where,
            next_step=f"start it (prefect server start), fix the address, or unset it: {OWN_SERVER}",
        ) from None
