"""A real S3 API on loopback: a Ceph cluster of one monitor and one store in memory, and its RADOS gateway with TLS."""

import json
import os
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daemons import PATIENCE, daemon, find_programs, free_port, listens

PROGRAMS = {
    "ceph": "ceph-common",
    "ceph-mon": "ceph-mon",
    "ceph-osd": "ceph-osd",
    "monmaptool": "ceph-base",
    "openssl": "openssl",
    "radosgw": "radosgw",
    "radosgw-admin": "ceph-common",
}
# One of everything and no copies; mode crc, because without Ceph's own logins there is nothing to encrypt with.
# The interval is what makes it start in two seconds instead of twelve.
SETTINGS = """\
[global]
fsid = {fsid}
mon host = {monitor}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
ms cluster mode = crc
ms service mode = crc
ms client mode = crc
ms mon cluster mode = crc
ms mon service mode = crc
ms mon client mode = crc
mon allow pool size one = true
paxos propose interval = 0.05
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd objectstore = memstore
memstore device bytes = 268435456
mon data = {folder}/mon
osd data = {folder}/osd
run dir = {folder}
crash dir = {folder}
admin socket =
pid file =
log file =
log to stderr = true
rgw frontends = beast ssl_endpoint=127.0.0.1:{port} ssl_certificate={folder}/server.pem
"""
CERTIFICATE = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 2 -subj /CN=gateway "
    "-addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out certificate.pem"
)


@dataclass(frozen=True)
class S3Gateway:
    """Where it listens, and the folder of its files: certificate.pem is what a client must be told to trust."""

    folder: Path
    port: int

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Return the flags that make Ceph's programs use this cluster."""
        return {**os.environ, "CEPH_CONF": str(self.folder / "ceph.conf")}

    def run(self, *command: str) -> str:
        """Standard output of a command in the folder."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stderr[-3000:]}"
        return done.stdout

    def new_user(self, name: str) -> dict[str, str]:
        """Environment of a new user who trusts the certificate."""
        made = self.run("radosgw-admin", "user", "create", f"--uid={name}", f"--display-name={name}")
        keys = json.loads(made)["keys"][0]
        return {
            "AWS_ACCESS_KEY_ID": keys["access_key"],
            "AWS_SECRET_ACCESS_KEY": keys["secret_key"],
            "AWS_CA_BUNDLE": str(self.folder / "certificate.pem"),
            "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",  # Ceph 16 knows no checksums after the content
        }

    def new_bucket(self, name: str, rights: dict[str, list[str]]) -> None:
        """A bucket in which these users may do no more than this; it belongs to a user of its own name."""
        statements = [
            {
                "Effect": "Allow",
                "Principal": {"AWS": [f"arn:aws:iam:::user/{user}"]},
                "Action": actions,
                "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"],
            }
            for user, actions in rights.items()
        ]
        api = self._api(self.new_user(name))
        api.create_bucket(Bucket=name)
        api.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))

    def _api(self, user: dict[str, str]) -> Any:
        import botocore.session

        return botocore.session.get_session().create_client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            verify=user["AWS_CA_BUNDLE"],
            aws_access_key_id=user["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=user["AWS_SECRET_ACCESS_KEY"],
        )


@contextmanager
def s3_gateway(folder: Path) -> Iterator[S3Gateway]:
    """Run a gateway whose files lie in `folder`, which is made. Fails where Ceph is missing: it was asked for."""
    programs = find_programs(PROGRAMS, required=True)
    gateway, monitor = S3Gateway(folder, free_port()), free_port()
    cluster, store, address = str(uuid.uuid4()), str(uuid.uuid4()), f"[v2:127.0.0.1:{monitor}/0]"
    for name in ("mon", "osd"):
        (folder / name).mkdir(parents=True)
    settings = SETTINGS.format(fsid=cluster, monitor=address, port=gateway.port, folder=folder)
    (folder / "ceph.conf").write_text(settings)
    gateway.run(*CERTIFICATE.split())
    (folder / "server.pem").write_text("".join((folder / name).read_text() for name in ("key.pem", "certificate.pem")))

    def store_is_up() -> bool:
        return bool(json.loads(gateway.run("ceph", "osd", "stat", "--format=json"))["num_up_osds"])

    with ExitStack() as running:

        def start(program: str, name: str, ready: Any) -> None:
            command = [programs[program], "-f", "-n", name]
            running.enter_context(daemon(command, folder / f"{program}.log", ready, gateway.environment))

        gateway.run("monmaptool", "--create", "--addv", "a", address, "--fsid", cluster, "monmap")
        gateway.run("ceph-mon", "--mkfs", "-i", "a", "--monmap", "monmap")
        start("ceph-mon", "mon.a", lambda: listens(monitor))
        gateway.run("ceph", "osd", "new", store)
        gateway.run("ceph-osd", "--mkfs", "-i", "0", "--osd-uuid", store)
        start("ceph-osd", "osd.0", store_is_up)
        start("radosgw", "client.rgw", lambda: listens(gateway.port))
        yield gateway
