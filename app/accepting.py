"""Letting connections in: whoever has said nothing yet holds up nobody.

cheroot gives every new connection to one of its threads, and does the TLS
handshake in the only thread that lets others in. A browser that opens spare
connections, or a phone that walked out of reach in the middle of its
handshake, would then keep the whole village waiting for half a minute.
"""

from __future__ import annotations

from typing import Any

from cheroot import wsgi
from cheroot.connections import ConnectionManager
from cheroot.ssl.builtin import BuiltinSSLAdapter

from app.rounds import Desks, Rounds, pending

# Silent connections kept at once; a process may have 1,024 files open on many systems.
MOST_SILENT = 500


class TlsAdapter(BuiltinSSLAdapter):
    """Wraps without shaking hands: `app.connections.Connection` does that in its own thread."""

    def wrap(self, sock: Any) -> tuple[Any, dict[str, str]]:
        wrapped = self.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        return wrapped, {"wsgi.url_scheme": "https", "HTTPS": "on"}


class Waiting(ConnectionManager):
    """A new connection waits among the idle ones until it has said something."""

    def _from_server_socket(self, server_socket: Any) -> None:
        connection = super()._from_server_socket(server_socket)
        if connection is not None:
            if self._num_connections >= MOST_SILENT:
                self._let_go_of_the_oldest()
            self.put(connection)

    def _let_go_of_the_oldest(self) -> None:
        silent = [(one.last_used, descriptor, one) for descriptor, one in self._selector.connections if one is not self.server]
        _, descriptor, oldest = min(silent, key=lambda entry: entry[0])
        self._selector.unregister(descriptor)
        oldest.close()

    def _expire(self, threshold: float) -> None:
        super()._expire(threshold)
        if self.server.rounds is not None:
            self.server.rounds.relieve()

    @property
    def can_add_keepalive_connection(self) -> bool:
        listened = len(self.server.rounds or ())
        return bool(self._num_connections + listened < self.server.keep_alive_conn_limit)


class Server(wsgi.Server):
    rounds: Rounds | Desks | None = None
    """Where connections go that have just pushed; without, each push has a thread of its own."""

    def put_conn(self, conn: Any) -> None:
        if self.ready and pending(conn.socket):
            self.process_conn(conn)
        elif not (self.ready and self.rounds is not None and conn.pushed and self.rounds.take(conn)):
            super().put_conn(conn)

    def stop(self) -> None:
        if self.rounds is not None:
            self.rounds.stop()
        super().stop()

    def prepare(self) -> None:
        super().prepare()
        self._connections._selector.close()  # only the selector: the listening socket stays open
        self._connections = Waiting(self)
