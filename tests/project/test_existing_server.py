"""DATABASE_URL: a PostgreSQL that others run. It is set up, or a sentence says what is in the way; no data seems gone."""

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from dentatool.operations.cluster import Cluster, Unfit, roles
from dentatool.operations.secrets import ensure_secrets
from dentatool.project.console import Failure
from dentatool.project.database import Database
from dentatool.project.instance import Instance
from dentatool.protection.environment import Elsewhere

pytestmark = pytest.mark.slow
PASSWORD = "geheim-7"


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A server of its own, since roles belong to the whole server: `postgres`, and accounts of two smaller kinds."""
    import shutil
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="dentatool-foreign-"))
    folder.chmod(0o711)
    cluster = Cluster(folder / "postgres", durable=False)
    cluster.found(PASSWORD)
    cluster.start()
    with psycopg.connect(cluster.dsn("postgres", PASSWORD), autocommit=True) as chief:
        chief.execute(f"create role half login createdb createrole password '{PASSWORD}'")
        chief.execute(f"create role poor login password '{PASSWORD}'")
    yield cluster
    cluster.stop()
    shutil.rmtree(folder, ignore_errors=True)


def instance(var: Path, url: str | None) -> Instance:
    var.mkdir(exist_ok=True)
    return Instance(var=var, mode="development", host="127.0.0.1", port=8443, database_url=url)


def url_of(cluster: Cluster, user: str = "postgres", password: str = PASSWORD, name: str = "postgres") -> str:
    return f"postgresql://{user}:{password}@/{name}?host={cluster.host}"


def set_up(var: Path, url: str | None) -> Database:
    """One after the other takes over the same server: each test has keys of its own."""
    database = Database(instance(var, url), print, adopt=True)
    database.prepare()
    database.ensure_roles()
    return database


def test_an_account_that_may_make_roles_is_enough_and_the_program_finds_all_as_it_wants_it(
    foreign: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from dentatool.project.launch import _dentatool

    url = url_of(foreign, "half")
    database = set_up(tmp_path, url)
    assert "gehört keinem Superuser" in capsys.readouterr().out
    assert "in der Datenbank dentatool auf" in database.place

    assert "OK" in _dentatool(instance(tmp_path, url), "owner", "migrate")
    set_up(tmp_path, url)  # the second start
    with psycopg.connect(url_of(foreign, name="dentatool")) as chief:
        assert chief.execute("select count(*) > 10 from pg_tables where schemaname = 'public'").fetchone() == (True,)


@pytest.mark.parametrize(
    ("user", "password", "name", "words"),
    [
        ("poor", PASSWORD, "postgres", "hat nicht die nötigen Rechte"),
        ("postgres", "falsch", "postgres", "nicht erreichbar.*Passwort.*password authentication failed"),
        ("postgres", PASSWORD, "gibt_es_nicht", "als Datenbank genügt postgres.*does not exist"),
    ],
)
def test_what_is_in_the_way_is_said_without_the_password(
    foreign: Cluster, tmp_path: Path, user: str, password: str, name: str, words: str
) -> None:
    with pytest.raises(Failure, match=f"(?s){words}") as refused:
        set_up(tmp_path, url_of(foreign, user, password, name))

    assert password not in str(refused.value)
    assert "server" not in json.loads((tmp_path / "secrets" / "database.json").read_text())  # nothing was settled


@pytest.mark.parametrize(
    "url", ["mysql://chef:geheim-7@localhost/x", "postgresql://chef:geheim-7@localhost:abc/x", "geheim-7"]
)
def test_what_is_no_address_is_refused_without_being_repeated(tmp_path: Path, url: str) -> None:
    with pytest.raises(Failure, match="keine Adresse einer PostgreSQL-Datenbank") as refused:
        set_up(tmp_path, url)

    assert "geheim-7" not in str(refused.value)


def test_a_server_that_does_not_answer_is_named(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"(?s)Die Datenbank ist nicht erreichbar.*Connection refused"):
        set_up(tmp_path, "postgresql://chef:geheim-7@127.0.0.1:1/postgres")


def test_a_server_that_is_too_old_is_refused(foreign: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roles, "OLDEST_VERSION", 990000)

    with pytest.raises(Unfit, match="PostgreSQL 18; nötig ist 99 oder neuer"):
        set_up(tmp_path, url_of(foreign))


def test_an_empty_database_made_for_it_is_used(foreign: Cluster, tmp_path: Path) -> None:
    from dentatool.project.launch import _dentatool

    with psycopg.connect(url_of(foreign), autocommit=True) as chief:
        chief.execute("create database labor")
    # The roles belong to the whole server: their passwords are this installation's from now on.
    set_up(tmp_path, url_of(foreign, name="labor"))

    assert "OK" in _dentatool(instance(tmp_path, None), "owner", "migrate")


def test_what_a_role_changed_about_itself_ends_with_the_next_start(foreign: Cluster, tmp_path: Path) -> None:
    """PostgreSQL lets each role change its own password and defaults: arbitrary SQL in the app's role could shut out all."""
    set_up(tmp_path, url_of(foreign))
    facts = json.loads((tmp_path / "secrets" / "database.json").read_text())
    login = facts["roles"]["app"]
    app = {"host": facts["host"], "dbname": facts["name"], "user": login["user"], "autocommit": True}
    with psycopg.connect(**app, password=login["password"]) as attacker:
        attacker.execute("alter role dentatool_app set search_path = pg_catalog")
        attacker.execute(f"alter role dentatool_app in database {facts['name']} set row_security = off")
        attacker.execute("alter role dentatool_app password 'mine'")

    set_up(tmp_path, url_of(foreign))

    with psycopg.connect(**app, password=login["password"]) as link:
        defaults = link.execute("select current_setting('search_path'), current_setting('row_security')").fetchone()
    assert defaults == ('"$user", public', "on")


def test_where_names_of_statements_can_be_looked_up_none_is_prepared(foreign: Cluster, tmp_path: Path) -> None:
    """Only a superuser can close that view; without one, each statement is planned anew."""
    from dentatool.protection.engine.base import _keep_statements_from_being_exchanged as keep

    with psycopg.connect(url_of(foreign)) as open_to_all:
        keep(open_to_all)
        assert open_to_all.prepare_threshold is None


def test_a_database_with_tables_of_others_is_not_touched(foreign: Cluster, tmp_path: Path) -> None:
    with psycopg.connect(url_of(foreign), autocommit=True) as chief:
        chief.execute("create database wiki")
    with psycopg.connect(url_of(foreign, name="wiki"), autocommit=True) as wiki:
        wiki.execute("create table page (text text)")
        asked = "select datdba::regrole::text, datacl::text from pg_database where datname = 'wiki'"
        before = wiki.execute(asked).fetchone()

        with pytest.raises(Unfit, match="enthält schon Tabellen eines anderen Programms"):
            set_up(tmp_path, url_of(foreign, name="wiki"))

        assert wiki.execute(asked).fetchone() == before


def test_an_installation_does_not_change_its_server_unasked(foreign: Cluster, tmp_path: Path) -> None:
    """Forgetting DATABASE_URL once must not look as if all data were gone."""
    set_up(tmp_path / "outside", url_of(foreign))
    with pytest.raises(Failure, match="DATABASE_URL\n  ist nicht gesetzt"):
        Database(instance(tmp_path / "outside", None), print).prepare()

    ensure_secrets(tmp_path / "inside", "test")
    own = tmp_path / "inside" / "secrets" / "database.json"
    own.write_text(json.dumps({"server": "embedded", "host": "/x", "port": 5432, "name": "dentatool", "roles": {}}))
    with pytest.raises(Failure, match="liegen in der eingebetteten Datenbank"):
        set_up(tmp_path / "inside", url_of(foreign))
    assert json.loads(own.read_text())["host"] == "/x"


def test_a_server_whose_roles_another_installation_uses_is_refused_whatever_the_database_is_called(
    foreign: Cluster, tmp_path: Path
) -> None:
    set_up(tmp_path / "first", url_of(foreign))
    with psycopg.connect(url_of(foreign), autocommit=True) as chief:
        chief.execute("create database second")
        asked = "select rolname, rolpassword from pg_authid where rolname like 'dentatool%' order by 1"
        before = chief.execute(asked).fetchall()

        for name, words in {"second": "Die Rollen dentatool_", "postgres": "Die Rollen dentatool_"}.items():
            database = Database(instance(tmp_path / name, url_of(foreign, name=name)), print)
            database.prepare()
            with pytest.raises(Elsewhere, match=words):
                database.ensure_roles()
        assert chief.execute(asked).fetchall() == before
