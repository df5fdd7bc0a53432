"""NO_PROXY with loopback in it: a proxy's 127.0.0.1 is another machine."""

from urllib.request import getproxies

LOOPBACK = ("localhost", "127.0.0.1", "127.0.0.0/8", "::1")


def no_proxy() -> str:
    """Return the value for NO_PROXY: its present entries, and loopback."""
    entries = [entry.strip().strip("[]") for entry in getproxies().get("no", "").split(",")]
    if "*" in entries:  # urllib heeds it alone
        return "*"
    return ",".join(dict.fromkeys([*filter(None, entries), *LOOPBACK]))
