"""One embedded server for the whole run, hardened exactly as in production; only its disk is lazy."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from dentatool.operations.cluster import Cluster, ensure_roles
from dentatool.operations.cluster.server import SUPERUSER
from dentatool.operations.secrets import ensure_database_file, ensure_secrets
from dentatool.protection.environment import belonging

_BASE = "DENTATOOL_TEST_BASE"
_TEMPLATE = "dentatool"
_running = pytest.StashKey[Cluster]()


def pytest_configure(config: pytest.Config) -> None:
    """Folders, keys and Django before the first test module imports a model. Starts no server."""
    if worker := getattr(config, "workerinput", None):
        var = _var_of_worker(Path(os.environ[_BASE]), worker["workerid"])
    else:
        base = Path(tempfile.mkdtemp(prefix="dentatool-tests-"))
        base.chmod(0o711)  # as root, the server's own account must get through
        os.environ[_BASE] = str(base)
        var = base / "main"
        var.mkdir(mode=0o711)
        ensure_secrets(var, "test")
        ensure_database_file(var, host=Cluster(base / "postgres", durable=False).host, port=5432, name=_TEMPLATE)
    os.environ["DENTATOOL_VAR"] = str(var)
    os.environ["DENTATOOL_MODE"] = "test"
    os.environ["DENTATOOL_DB_ROLE"] = "app"
    os.environ["DENTATOOL_API_PER_MINUTE"] = "6000"  # all tests ask from one address
    os.environ["DJANGO_SETTINGS_MODULE"] = "dentatool.project.settings"
    os.environ.pop("DATABASE_URL", None)
    _set_up_django()
    if getattr(config.option, "numprocesses", None) and not worker:
        _start_server(config)
        _migrate(var)


def pytest_unconfigure(config: pytest.Config) -> None:
    if (cluster := config.stash.get(_running, None)) is not None:
        cluster.stop()
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ[_BASE], ignore_errors=True)


def _set_up_django() -> None:
    import django
    from django.test.utils import setup_test_environment

    django.setup()
    setup_test_environment(debug=False)
    _let_answers_carry_their_facts()
    _read_static_files_once()


def _read_static_files_once() -> None:
    """Each new test client builds the middleware anew: looking at 175 files and their compressed forms took it 35 ms."""
    from whitenoise.base import WhiteNoise

    read, known = WhiteNoise.update_files_dictionary, {}

    def remembered(self: Any, root: str, prefix: str) -> None:
        if (root, prefix) not in known:
            read(self, root, prefix)
            known[root, prefix] = dict(self.files)
        self.files.update(known[root, prefix])

    WhiteNoise.update_files_dictionary = remembered  # type: ignore[method-assign]


def _let_answers_carry_their_facts() -> None:
    """`answer.context` for Jinja2 as Django's test client has it for its own templates."""
    from django.test.signals import template_rendered

    from dentatool.protection.vault.internal.templates import _PageTemplate

    known = _PageTemplate.facts

    def told(self: Any, own: Any, request: Any) -> Any:
        facts = known(self, own, request)
        template_rendered.send(sender=self, template=self, context=facts)
        return facts

    _PageTemplate.facts = told  # type: ignore[method-assign]


def _var_of_worker(base: Path, worker: str) -> Path:
    """Same keys and passwords as the template's, a database of its own."""
    var = base / worker
    shutil.copytree(base / "main", var)
    file = var / "secrets" / "database.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "name": f"{_TEMPLATE}_{worker}"}))
    return var


def _start_server(config: pytest.Config) -> None:
    base = Path(os.environ[_BASE])
    cluster = Cluster(base / "postgres", durable=False)
    cluster.found((base / "main" / "secrets" / "superuser.key").read_text())
    cluster.start()
    config.stash[_running] = cluster
    _ensure_database(base / "main")


def _migrate(var: Path) -> None:
    """As in production: in a process of its own, in the owner's role."""
    done = subprocess.run(
        [sys.executable, "-m", "dentatool.project.cli", "migrate"],
        env={**os.environ, "DENTATOOL_VAR": str(var), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise pytest.UsageError(f"the test database cannot be migrated:\n{done.stdout}\n{done.stderr}")


def _ensure_database(var: Path) -> None:
    known = json.loads((var / "secrets" / "database.json").read_text())
    ours = belonging("test", var / "secrets" / "signing.key")
    assert ensure_roles(_superuser_dsn(var), known, ours), "the embedded server is hardened by its superuser"


def _superuser_dsn(var: Path, name: str = "postgres") -> str:
    known = json.loads((var / "secrets" / "database.json").read_text())
    password = (var / "secrets" / "superuser.key").read_text().strip()
    return psycopg.conninfo.make_conninfo(
        host=known["host"], port=known["port"], user=SUPERUSER, password=password, dbname=name
    )


@pytest.fixture(scope="session")
def server(pytestconfig: pytest.Config) -> dict:
    """The content of database.json of a running server with roles and an (almost) empty database."""
    var = Path(os.environ["DENTATOOL_VAR"])
    known = json.loads((var / "secrets" / "database.json").read_text())
    if hasattr(pytestconfig, "workerinput"):
        with psycopg.connect(_superuser_dsn(var), autocommit=True) as connection:
            connection.execute(f'create database "{known["name"]}" template "{_TEMPLATE}" owner dentatool_owner')
        _ensure_database(var)
    else:
        _start_server(pytestconfig)
    return known


@pytest.fixture(scope="session")
def database(server: dict, pytestconfig: pytest.Config) -> dict:
    """The same, migrated and protected; Django in this process is connected to it as the app."""
    if not hasattr(pytestconfig, "workerinput"):
        _migrate(Path(os.environ["DENTATOOL_VAR"]))
    return server


@pytest.fixture(scope="session")
def superuser_dsn(server: dict) -> str:
    """For tests of the server itself."""
    return _superuser_dsn(Path(os.environ["DENTATOOL_VAR"]), server["name"])


@pytest.fixture
def passable_folder() -> Iterator[Path]:
    """A folder for a server of a test's own. As root it runs under another account, which pytest's folders shut out."""
    folder = Path(tempfile.mkdtemp(prefix="dentatool-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def superuser(database: dict) -> Iterator[psycopg.Connection]:
    """What only the provider's administrator can see: no policy binds this connection. Autocommit."""
    with psycopg.connect(_superuser_dsn(Path(os.environ["DENTATOOL_VAR"]), database["name"]), autocommit=True) as link:
        yield link


@pytest.fixture
def owner_connection(database: dict) -> Iterator[psycopg.Connection]:
    """The role that owns the tables; forced row-level security binds it too. Autocommit."""
    with connect_as(database, "owner", autocommit=True) as link:
        yield link


@pytest.fixture
def app_connection(database: dict) -> Iterator[psycopg.Connection]:
    """The web server's role without Django: what an attacker with arbitrary SQL holds."""
    with connect_as(database, "app") as link:
        yield link


@pytest.fixture
def backup_connection(database: dict) -> Iterator[psycopg.Connection]:
    """Reads past the policies, writes nothing."""
    with connect_as(database, "backup") as link:
        yield link


def connect_as(database: dict, role: str, *, autocommit: bool = False) -> psycopg.Connection:
    """A connection in one of the roles of database.json (owner, app, worker, backup)."""
    login = database["roles"][role]
    return psycopg.connect(
        host=database["host"],
        port=database["port"],
        dbname=database["name"],
        user=login["user"],
        password=login["password"],
        autocommit=autocommit,
    )


def stop_group(process: subprocess.Popen) -> None:
    """End a server started with start_new_session=True, politely, then for certain."""
    try:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    except ProcessLookupError:
        process.wait()


@contextmanager
def in_role(role: str) -> Iterator[None]:
    """Let Django in this process work in another role, as the worker's own process does; "superuser" too."""
    from django.db import connections

    secrets = Path(os.environ["DENTATOOL_VAR"]) / "secrets"
    login = {
        "superuser": {"user": SUPERUSER, "password": (secrets / "superuser.key").read_text().strip()},
        **json.loads((secrets / "database.json").read_text())["roles"],
    }[role]
    facts = connections["default"].settings_dict
    before = facts["USER"], facts["PASSWORD"]
    connections["default"].close()
    facts["USER"], facts["PASSWORD"] = login["user"], login["password"]
    try:
        yield
    finally:
        connections["default"].close()
        facts["USER"], facts["PASSWORD"] = before
