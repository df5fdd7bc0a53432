"""Addresses and errors of requests in plain words, without passwords or the objects in memory that wrap the cause."""

import http.client
import socket
import ssl
from urllib.parse import urlsplit, urlunsplit

import requests
import urllib3


def shown_url(url: str) -> str:
    """Return an address without what may be secret, its user and its query: logs and errors go to servers and chats."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "…" if parts.query else "", ""))


def cause(error: requests.RequestException) -> str:
    """Return the host that was asked, if one was, and why the request failed."""
    address = urlsplit(getattr(error.request, "url", None) or "").netloc.rpartition("@")[2]
    proxy = " through the proxy" if isinstance(error, requests.exceptions.ProxyError) else ""
    return (f"{address}{proxy}: " if address else "") + _words(_innermost(error))


def _innermost(error: BaseException) -> BaseException:
    """Return the error that all others wrap."""
    for inner in (getattr(error, "reason", None), *reversed(error.args), error.__cause__):
        if isinstance(inner, BaseException):
            return _innermost(inner)
    return error


def _words(error: BaseException) -> str:
    match error:
        case socket.gaierror():
            words = "host name not resolved"
        case ssl.SSLCertVerificationError():
            words = f"certificate not trusted ({error.verify_message})"
        case ssl.SSLError():
            words = f"no TLS connection ({(error.reason or 'unknown reason').lower().replace('_', ' ')})"
        case http.client.RemoteDisconnected():
            words = "connection closed without an answer"
        case urllib3.exceptions.ConnectTimeoutError():
            words = "no connection in time"
        case urllib3.exceptions.ReadTimeoutError() | TimeoutError(errno=None):
            words = "nothing received in time"
        case OSError(strerror=str(words)):
            words = words.lower()
        case http.client.IncompleteRead(expected=int(missing)):
            words = f"connection ended {missing} bytes early"
        case http.client.IncompleteRead():
            words = "connection ended early"
        case http.client.HTTPException():
            words = "the answer is not HTTP"
        case _:
            words = str(error)
    return words
