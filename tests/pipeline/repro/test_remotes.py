"""The DVC remote: machine A trains and pushes, machine B has a fresh clone; servers and credentials are real."""

import re
import subprocess
from dataclasses import dataclass, field

import certifi
import numpy as np
import pytest
from daemons import PATIENCE, falling_silent
from PIL import Image
from s3_gateway import s3_gateway
from ssh_server import new_key, ssh_server
from webdav_server import PASSWORD, USER, webdav_server

pytestmark = pytest.mark.slow

MODEL = "models/fcn8s.keras"
NOT_THERE = "Some of the cache files do not exist neither locally nor on remote"
S3_RIGHTS = {"reader": ["s3:ListBucket", "s3:GetObject"], "writer": ["s3:ListBucket", "s3:GetObject", "s3:PutObject"]}


@dataclass(frozen=True)
class Remote:
    """Settings of a remote: committed ones, those in a user's .dvc/config.local, and the environment."""

    committed: dict[str, str] = field(default_factory=dict)
    private: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def ssh(tmp_path_factory):
    with ssh_server(tmp_path_factory.mktemp("ssh") / "server") as server:
        yield server


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    with s3_gateway(tmp_path_factory.mktemp("s3") / "gateway") as server:
        yield server


@pytest.fixture(scope="module")
def webdav(tmp_path_factory):
    with webdav_server(tmp_path_factory.mktemp("webdav") / "server") as server:
        yield server


# A remote as a writer and as a reader have it.


def by_ssh(server, path):
    """Return an SSH remote with its host key pinned, as docs/remotes.md shows."""
    return [
        Remote({"url": f"ssh://storage{path}/storage"}, {}, server.client(path / key, key, server.folder / "host"))
        for key in ("writer", "reader")
    ]


def by_s3(server, path):
    """The writer keeps the credentials in .dvc/config.local, the reader in the environment."""
    writer, reader = (server.new_user(f"{path.name}-{name}") for name in ("writer", "reader"))
    server.new_bucket(path.name, {f"{path.name}-{name}": actions for name, actions in S3_RIGHTS.items()})
    committed = {"url": f"s3://{path.name}/storage", "endpointurl": server.url}
    private = {
        "access_key_id": writer.pop("AWS_ACCESS_KEY_ID"),
        "secret_access_key": writer.pop("AWS_SECRET_ACCESS_KEY"),
        "ssl_verify": writer.pop("AWS_CA_BUNDLE"),
    }
    return Remote(committed, private, writer), Remote(committed, {}, reader)


def by_webdav(server, path):
    return [Remote({"url": server.url}, {"user": USER, "password": PASSWORD})] * 2


SSH = pytest.param(("ssh", by_ssh), id="ssh")
S3 = pytest.param(("gateway", by_s3), id="s3", marks=[pytest.mark.exhaustive, pytest.mark.s3])
WEBDAV = pytest.param(("webdav", by_webdav), id="webdav", marks=[pytest.mark.exhaustive, pytest.mark.webdav])


@pytest.fixture
def remotes(request, tmp_path_factory):
    server, reach = request.param
    return reach(request.getfixturevalue(server), tmp_path_factory.mktemp("remote"))


def fresh_clone(source, path, remote):
    """A clone of `source` by somebody with these credentials."""
    machine = source.clone(path / "project")
    machine.environment |= remote.environment
    keep_private(machine, remote.private)
    return machine


def trainer(trained, path, remote):
    """The machine that has trained: a clone with `trained`'s cache, its remote committed."""
    machine = trained.clone(path / "project")
    machine.environment |= remote.environment
    for key, value in remote.committed.items():
        machine.run("dvc", "remote", "modify", "storage", key, value)
    if remote.committed:
        machine.commit("remote")
    keep_private(machine, remote.private, cache_of(trained))
    return machine


def cache_of(machine):
    return machine.path / ".dvc/cache"


def keep_private(machine, settings, cache=None):
    """Write what `dvc remote modify --local storage` and `dvc cache dir --local` would, in a hundredth of the time."""
    lines = [f"[cache]\n    dir = {cache}\n"] if cache else []
    lines += ["['remote \"storage\"']\n", *(f"    {key} = {value}\n" for key, value in settings.items())]
    (machine.path / ".dvc/config.local").write_text("".join(lines))


def files(machine):
    """Return the workspace's files that Git does not track, without DVC's own and Python's."""
    names = machine.run("git", "ls-files", "--others", "--exclude", "__pycache__/").splitlines()
    return {name for name in names if not name.startswith(".dvc/")}


def stages_run(output):
    return re.findall(r"Running stage '(\w+)'", output)


@pytest.mark.exhaustive
@pytest.mark.parametrize("remotes", [SSH, S3, WEBDAV], indirect=True)
def test_the_story_of_two_machines(trained, remotes, tmp_path):
    writer, reader = remotes
    machine_a = trainer(trained, tmp_path / "a", writer)
    assert "files pushed" in machine_a.run("dvc", "push")

    machine_b = fresh_clone(machine_a, tmp_path / "b", reader)
    machine_b.run("dvc", "pull", MODEL)
    assert files(machine_b) == {MODEL}, "the model alone"
    assert machine_b.read(MODEL) == trained.read(MODEL)

    Image.fromarray(np.full((90, 120, 3), 128, np.uint8)).save(tmp_path / "street.jpg")
    machine_b.run("sceneparse", "predict", str(tmp_path / "street.jpg"))
    with Image.open(machine_b.path / "predictions/street.png") as labels:
        assert labels.size == (120, 90)
        assert np.asarray(labels).min() >= 1
    assert machine_b.read("predictions/street_overlay.jpg")

    machine_b.set_param("visualize.opacity", 0.25)
    assert stages_run(machine_b.run("dvc", "repro", "--pull", "--allow-missing")) == ["visualize"]
    assert machine_b.read("report/index.html")
    results = {name for name in files(machine_b) if not name.startswith(("predictions/", "report/"))}
    assert {MODEL, "data/raw/dataset.zip", "metrics/evaluate.json"} <= results, "what visualize reads"
    assert not [name for name in results if name.startswith(("data/records/", "data/raw/backbone/"))], "no more"
    assert [name for name in results if machine_b.read(name) != trained.read(name)] == []

    # Somebody who knows the repository's address and nothing of its workspaces.
    settings = ["--config", str(machine_b.path / ".dvc/config.local")] if reader.private else []
    got = tmp_path / "got.keras"
    machine_b.run("dvc", "get", f"file://{machine_a.path}", MODEL, "--out", str(got), *settings)
    assert got.read_bytes() == trained.read(MODEL)


@pytest.mark.parametrize("remotes", [SSH, S3], indirect=True)
def test_a_reader_cannot_push(trained, remotes, tmp_path):
    _, reader = remotes
    machine = trainer(trained, tmp_path, reader)
    done = subprocess.run(
        ["dvc", "push"], cwd=machine.path, env=machine.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode
    assert re.search("Permission denied|AccessDenied", done.stderr)


def test_the_default_is_a_folder_beside_the_clone(trained, tmp_path):
    machine_a = trainer(trained, tmp_path / "one", Remote())
    elsewhere = fresh_clone(machine_a, tmp_path / "two", Remote())
    assert NOT_THERE in elsewhere.run("dvc", "pull", MODEL, expect=1), "before anybody has pushed"
    machine_a.run("dvc", "push", "--run-cache")
    assert (tmp_path / "one/sceneparse-storage/files").is_dir()

    neighbour = machine_a.clone(tmp_path / "one/neighbour")
    (neighbour.path / "dvc.lock").unlink()
    assert "No file hash info found" in neighbour.run("dvc", "pull", MODEL, expect=1)
    assert stages_run(neighbour.run("dvc", "repro", "--pull", "--allow-missing")) == []
    assert neighbour.read("dvc.lock") == trained.read("dvc.lock")
    assert neighbour.read(MODEL) == trained.read(MODEL)


@pytest.mark.exhaustive
def test_pushes_that_break_off_are_completed_by_the_next(trained, ssh, tmp_path):
    store = tmp_path / "storage"
    remote = Remote(private={"url": ssh.url(store), "keyfile": str(ssh.folder / "writer")})
    machine_a = trainer(trained, tmp_path / "a", remote)
    complete = {path.name for path in cache_of(trained).glob("files/md5/*/*")}

    def pushed():
        return {path.name for path in store.glob("files/md5/*/*") if path.suffix != ".tmp"}

    def push_until_silent(port, silent):
        keep_private(machine_a, {**remote.private, "url": ssh.url(store, port)}, cache_of(trained))
        push = subprocess.Popen(
            ["dvc", "push"], cwd=machine_a.path, env=machine_a.environment, stderr=subprocess.PIPE, text=True
        )
        assert silent.wait(PATIENCE)
        assert push.poll() is None
        return push

    with falling_silent(ssh.port, after=400_000) as (port, silent):
        push = push_until_silent(port, silent)
    _, said = push.communicate(timeout=PATIENCE)
    assert push.returncode, "the server is gone"
    assert "ERROR" in said

    with falling_silent(ssh.port, after=1_000_000) as (port, silent):
        push = push_until_silent(port, silent)
        push.kill()
        push.communicate(timeout=PATIENCE)
    assert pushed() < complete

    keep_private(machine_a, remote.private, cache_of(trained))
    machine_a.run("dvc", "push")
    assert pushed() == complete
    machine_b = fresh_clone(trained, tmp_path / "b", remote)
    machine_b.run("dvc", "pull")
    tracked = {name for name in files(trained) if not name.startswith("state/")}
    assert files(machine_b) == tracked
    assert [name for name in tracked if machine_b.read(name) != trained.read(name)] == []


def test_a_file_that_was_changed_in_the_remote_is_refused(trained, ssh, tmp_path):
    private = {"url": ssh.url(tmp_path / "storage"), "keyfile": str(ssh.folder / "writer")}
    machine_a = trainer(trained, tmp_path / "a", Remote(private=private))
    machine_a.run("dvc", "push", MODEL)
    (model,) = tmp_path.glob("storage/files/md5/*/*")
    model.write_bytes(trained.read(MODEL)[:-1] + b"?")
    machine_b = fresh_clone(trained, tmp_path / "b", Remote(private=private))
    assert "Checkout failed" in machine_b.run("dvc", "pull", MODEL, expect=1)
    assert not files(machine_b)


@pytest.mark.exhaustive
def test_without_the_pin_any_host_key_will_do(trained, ssh, tmp_path):
    """DVC ignores known_hosts; if that changes, so must docs/remotes.md."""
    environment = ssh.client(tmp_path / "home", host_key=new_key(tmp_path / "other"))
    remote = Remote({}, {"url": ssh.url(tmp_path / "storage")}, environment)
    assert NOT_THERE in refused(trained, tmp_path, remote), "connected"


@pytest.mark.parametrize("known", ["another key", pytest.param("nothing", marks=pytest.mark.exhaustive)])
def test_a_host_key_that_is_not_the_pinned_one_is_refused(trained, ssh, tmp_path, known):
    host_key = new_key(tmp_path / "other") if known == "another key" else None
    environment = ssh.client(tmp_path / "home", host_key=host_key)
    said = refused(trained, tmp_path, Remote({}, {"url": f"ssh://storage{tmp_path}/storage"}, environment))
    assert "Host key is not trusted for host 127.0.0.1" in said


@pytest.mark.exhaustive
def test_another_ssh_key_is_refused(trained, ssh, tmp_path):
    private = {"url": ssh.url(tmp_path / "storage"), "keyfile": str(new_key(tmp_path / "other"))}
    assert "Permission denied for user" in refused(trained, tmp_path, Remote(private=private))


@pytest.mark.exhaustive
@pytest.mark.webdav
def test_another_webdav_password_is_refused(trained, webdav, tmp_path):
    """A pull reports the refusal as a missing file, as docs/remotes.md says."""
    remote = Remote(private={"url": webdav.url, "user": USER, "password": "another"})
    assert NOT_THERE in refused(trained, tmp_path / "b", remote)
    assert "401" in trainer(trained, tmp_path / "a", remote).run("dvc", "push", expect=255)


@pytest.mark.exhaustive
@pytest.mark.s3
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "another"}, "403"),
        ({"AWS_CA_BUNDLE": certifi.where()}, "CERTIFICATE_VERIFY_FAILED"),
    ],
    ids=["secret", "certificate"],
)
def test_another_s3_secret_or_certificate_is_refused(trained, gateway, tmp_path_factory, changed, message):
    path = tmp_path_factory.mktemp("refused")
    _, reader = by_s3(gateway, path)
    remote = Remote({}, reader.committed, reader.environment | changed)
    assert message in refused(trained, path, remote)


def refused(trained, path, remote):
    """Return the output of a `dvc pull` that gets nothing."""
    said = fresh_clone(trained, path, remote).run("dvc", "pull", MODEL, expect=1)
    assert "Traceback" not in said
    return said
