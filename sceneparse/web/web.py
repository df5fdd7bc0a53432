"""web: a trained model -> a page on this machine, until Ctrl-C.

Input: a .keras file with its card. Output: the page's address on standard output, once the server answers. Pictures
stay in memory only until their answer.
"""

import ipaddress
import socket
import sys
import webbrowser
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np

from sceneparse.core.errors import InputError
from sceneparse.core.fields import Palette
from sceneparse.core.terminal import print_text
from sceneparse.inference.loading import load_parser


def web(
    model: Path,
    card: Path | None,
    host: str,
    port: int,
    max_mb: int,
    max_megapixels: int,
    palette: Palette,
    open_browser: bool,
) -> None:
    """Serve the page. Raises InputError if the address or the model cannot be used."""
    with _listen(host, port) as listening:  # before the slow loading, as it may fail
        parser = load_parser(model, card, palette)
        from sceneparse.web.answer import Segmenter
        from sceneparse.web.app import make_app
        from sceneparse.web.connections import make_server

        side = parser.card.preprocessing.size
        parser.annotate(np.zeros((side, side, 3), np.uint8))  # compiles the model for a likely size
        app = make_app(Segmenter(parser, model.stem, max_megapixels), max_mb, {host, socket.gethostname()})
        bound, number = listening.getsockname()[:2]
        own = ipaddress.ip_address(bound)
        shown = "localhost" if own.is_unspecified else f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{number}/"
        print(f"sceneparse web: {address} (Ctrl-C ends it)", flush=True)
        if not own.is_loopback:
            print_text("warning: whoever reaches this machine can use the page; nothing is encrypted", sys.stderr)
        if open_browser:
            webbrowser.open(address)
        with suppress(KeyboardInterrupt):
            make_server(app).run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on the address: clients wait there until the server runs. Raises InputError."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with ExitStack() as failing:
            listening = failing.enter_context(socket.socket(family, kind, protocol))
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # ended connections linger on a port
            listening.bind(address)
            listening.listen()  # two sockets can have the address until one of them listens
            failing.pop_all()
    except OSError as error:
        raise InputError(
            "the page's address cannot be used",
            expected="an address of this machine and a port that is free",
            got=str(error),
            file=f"{host}, port {port}",
            next_step="name another port, or 0 for any that is free: --port 0",
        ) from None
    return listening
