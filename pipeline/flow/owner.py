"""Owner of a deployment: the folder that serves it, which a tag of the deployment names as file://HOST/FOLDER.

All clones of a user share Prefect's records, and a lasting server may have those of several hosts. There, registering a
deployment replaces the one of the same name with its schedule, and its runs then start in either folder.
"""

import os
import socket
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from pipeline.flow.server import PrefectApi
from sceneparse.core.errors import InputError

SCHEME = "file://"


def owner_tag(root: Path) -> str:
    """Return the tag of the deployments that this host serves in `root`, an absolute path without links."""
    return f"{SCHEME}{quote(socket.gethostname())}{quote(os.fsencode(root))}"


def check_owner(name: str, root: Path, api: PrefectApi) -> None:
    """Raise InputError if deployment `name` belongs to a work pool, or to another folder."""
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    with get_client(sync_client=True) as client:
        try:
            deployment = client.read_deployment_by_name(f"sceneparse/{name}")
        except ObjectNotFound:
            return
    owner = f"work pool {deployment.work_pool_name}" if deployment.work_pool_name else other(deployment.tags, root)
    if owner:
        raise InputError(
            f"deployment sceneparse/{name} has another owner",
            expected=f"a name that Prefect's records have not, or have for {root}",
            got=owner,
            file=api.url,
            next_step="choose another name: sceneparse serve --name OTHER; "
            f"if nothing runs it there any more: prefect deployment delete 'sceneparse/{name}'",
        )


def other(tags: Sequence[str], root: Path) -> str | None:
    """Return the folder that a deployment with these tags belongs to, or None where `root` may have it.

    That is so for the same folder on any host, since a container may have a new name at each start, and for a project
    that is no longer on this host. A deployment without such a tag comes from an earlier version.
    """
    for tag in tags:
        if not tag.startswith(SCHEME):
            continue
        host, slash, path = tag.removeprefix(SCHEME).partition("/")
        folder = Path(os.fsdecode(unquote_to_bytes(slash + path)))
        if folder == root:
            return None
        if host != quote(socket.gethostname()):
            return f"{folder} on {host}"
        return str(folder) if _another_project(folder, root) else None
    return None


def _another_project(folder: Path, root: Path) -> bool:
    """Return whether `folder` holds a project, and is not `root` by another path."""
    try:
        return not (folder / ".dvc").samefile(root / ".dvc")
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:  # another user's: nothing says that it is gone
        return True
