"""Environment variables that Prefect reads during import: call `prepare_environment` before importing it.

They apply to this process and its children. Variables that the user has set stay as they are.
"""

import os
import sys
import tempfile
from pathlib import Path
from urllib.request import getproxies

from sceneparse.core.errors import InputError
from sceneparse.core.proxies import no_proxy
from sceneparse.core.terminal import print_text

OWN_HOME = Path("state/flow/prefect")  # for Prefect's records, if the user's home cannot be written


def prepare_environment() -> None:
    """Keep Prefect quiet and private, its records in a writable folder, and proxies away from loopback.

    Raises InputError when PREFECT_HOME is set to a folder that cannot be written.
    """
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_ENABLED", "false")  # Prefect would start a server that outlives us
    _bypass_proxies()
    _choose_home()


def _bypass_proxies() -> None:
    proxies = getproxies()
    if not proxies.keys() - {"no"}:
        return
    # Set all of them: one proxy variable in the environment hides a Mac's system settings.
    for scheme, address in {**proxies, "no": no_proxy()}.items():
        # GNOME writes socks://, which no library accepts.
        value = f"socks5{address[5:]}" if address.startswith("socks:") else address
        os.environ[f"{scheme}_proxy"] = os.environ[f"{scheme}_proxy".upper()] = value


def _choose_home() -> None:
    """Set PREFECT_HOME to a folder of the project if the usual one cannot be written."""
    configured = os.environ.get("PREFECT_HOME")
    home = Path(configured or "~/.prefect").expanduser()
    problem = _write_error(home)
    if not problem:
        return
    if configured:
        raise InputError(
            "Prefect's records cannot be written",
            expected="a folder that this user may write to",
            got=problem,
            file=f"PREFECT_HOME={configured}",
            next_step="set PREFECT_HOME to another folder, or unset it",
        )
    own = OWN_HOME.resolve()
    print_text(f"note: {home} cannot be written ({problem}): Prefect's records are in {own}", sys.stderr)
    os.environ["PREFECT_HOME"] = str(own)
    profiles = home / "profiles.toml"
    if os.access(profiles, os.R_OK):  # the profiles may name the API
        os.environ.setdefault("PREFECT_PROFILES_PATH", str(profiles))


def _write_error(folder: Path) -> str | None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return error.strerror or str(error)
