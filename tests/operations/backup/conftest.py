"""A server of a test's own with backups, driven without the supervisor."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import psycopg
import pytest
from pyrage import x25519

from dentatool.operations.backup.archive import Archiver
from dentatool.operations.backup.base import create
from dentatool.operations.backup.chain import Entry
from dentatool.operations.backup.setup import Setup, setup_of
from dentatool.operations.cluster import Cluster
from dentatool.operations.cluster.server import SUPERUSER
from dentatool.operations.cluster.tuning import ARCHIVING
from dentatool.operations.secrets import ensure_secrets
from harness.object_store import _storage_process, storage  # noqa: F401  (fixtures)


class Backed:
    """A running server, its archiver, and the operator's identity."""

    def __init__(self, base: Path) -> None:
        self.var, self.target = base / "var", base / "target"
        self.var.mkdir(mode=0o711)
        self.target.mkdir()
        ensure_secrets(self.var, "test")
        self.password = (self.var / "secrets" / "superuser.key").read_text()
        self.setup: Setup = setup_of(self.var, self.target)
        self.identity = x25519.Identity.generate()
        self.setup.keyring.add_recipient(str(self.identity.to_public()))
        self.cluster = Cluster(self.var / "postgres", durable=False, further=ARCHIVING)
        self.cluster.found(self.password)
        self.told: list[str] = []
        self._stopping = Event()
        self._thread = Thread()

    def start(self) -> None:
        self._stopping.clear()
        archiver = Archiver(self.cluster.places, self.setup.chain, self.setup.keyring)
        self._thread = Thread(target=archiver.watch, args=(self._stopping, self.told.append, lambda: None))
        self._thread.start()
        self.cluster.start()

    def stop(self) -> None:
        self.cluster.stop()
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def do(self, *statements: str) -> list[tuple]:
        """Each in a transaction of its own; the rows of the last."""
        with psycopg.connect(self.cluster.dsn(SUPERUSER, self.password), autocommit=True) as link:
            for statement in statements:
                done = link.execute(statement)
            return done.fetchall() if done.description else []

    def create(self, kind: str) -> Entry:
        return create(self.setup, self.cluster.places, kind)

    def ask(self, restored: Cluster, question: str) -> list[tuple]:
        with psycopg.connect(restored.dsn(SUPERUSER, self.password)) as link:
            return link.execute(question).fetchall()


@pytest.fixture
def backed(passable_folder: Path) -> Iterator[Backed]:
    found = Backed(passable_folder)
    found.start()
    yield found
    found.stop()
