"""The root key in a key service: everything works as with the file, and fails closed when the service is away."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings
from django.test import Client

from billing.conftest import make_order
from dentatool.protection import key_root
from dentatool.protection.key_root import let_old_go, rotate_root, versions
from dentatool.protection.vault import DecryptError
from dentatool.protection.vault.internal import keys, lab_secrets, root_transit
from dentatool.protection.vault.internal.rootkey import RootKeyAway, RootKeyError, check_root_key, unwrap, wrap
from harness.database import in_role
from harness.transit import TOKEN, KeyService, key_service


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyService]:
    with key_service(tmp_path_factory.mktemp("kms")) as service:
        yield service


@pytest.fixture
def service(running: KeyService, monkeypatch: pytest.MonkeyPatch) -> Iterator[KeyService]:
    """The program is told to use it."""
    monkeypatch.setattr(settings, "DENTATOOL_KMS", running.address)
    monkeypatch.setattr(settings, "DENTATOOL_KMS_TOKEN_FILE", str(running.token_file))
    monkeypatch.setattr(settings, "DENTATOOL_CA_FILE", str(running.certificate))
    root_transit._silent_until = 0.0
    yield running
    root_transit._silent_until = 0.0
    if running.process is None:
        running.start()
    running.token_file.write_text(TOKEN)


@pytest.fixture
def lab_id() -> Any:
    made = uuid4()
    lab_secrets.make(made)
    return made


def test_a_key_wrapped_by_the_service_opens_for_what_it_is_and_nothing_else(service: KeyService, lab_id: Any) -> None:
    check_root_key()
    wrapped = wrap(b"k" * 32, lab_id, "data", 1)

    assert wrapped.startswith(b"vault:v")
    assert unwrap(wrapped, lab_id, "data", 1) == b"k" * 32
    other = uuid4()
    lab_secrets.make(other)
    for wrong in ((other, "data", 1), (lab_id, "index", 1), (lab_id, "data", 2)):
        with pytest.raises(RootKeyError, match="passt nicht"):
            unwrap(wrapped, *wrong)
    for broken in (wrapped[:-4], wrapped[:-6] + b"AAAAA=", b"vault:v9:" + wrapped[9:], b"vault:v1:"):
        with pytest.raises(RootKeyError):
            unwrap(broken, lab_id, "data", 1)


def test_what_the_service_opens_is_no_laboratorys_key_yet(service: KeyService, lab_id: Any) -> None:
    import base64

    from dentatool.protection.vault.internal.rootkey import _about

    wrapped = wrap(b"k" * 32, lab_id, "data", 1)
    bound = base64.b64encode(b"dentatool/key|" + _about(lab_id, "data", 1)).decode()
    seen = service.ask("POST", "decrypt/dentatool", {"ciphertext": wrapped.decode(), "associated_data": bound})

    assert b"k" * 32 not in base64.b64decode(seen["data"]["plaintext"])


def test_a_laboratory_moves_to_the_service_and_a_new_version_there_and_keeps_its_values(
    anna: Any, specimens: Any, service: KeyService, superuser: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrapped() -> set[bytes]:
        rows = superuser.execute("select wrapped from protection_labkey where lab_id = %s", [anna.lab_id]).fetchall()
        return {raw.rpartition(b":")[0] for (raw,) in rows}

    def said() -> str:
        keys.forget_keys()
        with anna.at_work():
            return str(specimens.objects.get().name)

    monkeypatch.setattr(key_root, "every_laboratory", lambda: [(anna.lab_id, anna.name, True)])
    with anna.at_work():
        specimens.objects.create(name="Otto")
    assert said() == "Otto"  # the file still opens what it wrapped
    with in_role("owner"):
        moved = rotate_root()
    first = versions()[-1].version
    assert (moved.resumed, moved.keys, wrapped()) == (True, 3, {f"vault:v{first}".encode()})
    assert said() == "Otto"

    with in_role("owner"):
        done = rotate_root()
        assert [each.version for each in let_old_go(None)][-1] == first
    assert (done.version, done.resumed, wrapped()) == (first + 1, False, {f"vault:v{first + 1}".encode()})
    assert said() == "Otto"
    assert [each.version for each in versions()] == [first + 1]
    with in_role("owner"), pytest.raises(RootKeyError, match="verlässt den Schlüsseldienst nicht"):
        let_old_go(Path("/nirgends/old.key"))


def test_while_the_service_is_away_pages_say_so_in_german_and_readiness_is_red(
    anna: Any, service: KeyService, superuser: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_root, "every_laboratory", lambda: [(anna.lab_id, anna.name, True)])
    with in_role("owner"):
        rotate_root()
    client, program = anna.client(), anna.program()
    with anna.at_work():
        make_order()
    keys.forget_keys()
    assert client.get("/patienten/").status_code == 200
    assert Client().get("/readyz", secure=True).json()["schluessel"] == "bereit"

    service.stop()
    keys.forget_keys()

    for address in ("/patienten/", "/auftraege/"):
        answer = client.get(address)
        assert answer.status_code == 503
        assert "Die Schlüssel sind gerade nicht erreichbar" in answer.content.decode()
        assert "Traceback" not in answer.content.decode()
        assert answer.headers["Retry-After"] == "5"
    assert client.post("/patienten/neu/", {"name": "Otto"}).status_code == 503
    told = program.ask("GET", "patients")
    assert told.status_code == 503
    assert Client().get("/readyz", secure=True).status_code == 503

    service.start()
    root_transit._silent_until = 0.0
    assert client.get("/patienten/").status_code == 200
    assert Client().get("/readyz", secure=True).json()["schluessel"] == "bereit"


def test_a_service_that_is_away_makes_nothing_look_unreadable(anna: Any, specimens: Any, service: KeyService) -> None:
    with anna.at_work():
        keys.add_key(anna.lab_id, "data", 2)  # wrapped by the service
    keys.forget_keys()
    with anna.at_work():
        specimens.objects.create(name="Otto")
    service.stop()
    keys.forget_keys()

    with anna.at_work(), pytest.raises(RootKeyAway), DecryptError.shown():
        _ = specimens.objects.get().name


def test_a_key_that_the_service_does_not_know_is_a_wrong_setting_and_no_damaged_value(
    service: KeyService, lab_id: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrapped = wrap(b"k" * 32, lab_id, "data", 1)
    monkeypatch.setattr(settings, "DENTATOOL_KMS", service.address + "-fehlt")

    with pytest.raises(RootKeyAway, match="lehnt ab"):
        unwrap(wrapped, lab_id, "data", 1)


@pytest.mark.parametrize("wrong", ["certificate", "token", "open", "key", "kind"])
def test_a_service_that_we_do_not_know_or_that_does_not_know_us_is_refused(
    service: KeyService, wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if wrong == "certificate":
        monkeypatch.setattr(settings, "DENTATOOL_CA_FILE", "")
    elif wrong == "token":
        service.token_file.write_text("hvs.falsch")
    elif wrong == "open":
        (tmp_path / "token").write_text(TOKEN)
        (tmp_path / "token").chmod(0o644)
        monkeypatch.setattr(settings, "DENTATOOL_KMS_TOKEN_FILE", str(tmp_path / "token"))
    elif wrong == "key":
        monkeypatch.setattr(settings, "DENTATOOL_KMS", service.address + "-fehlt")
    else:
        service.ask("POST", "keys/rsa", {"type": "rsa-4096"})
        monkeypatch.setattr(settings, "DENTATOOL_KMS", service.address.replace("dentatool", "rsa"))

    with pytest.raises(RootKeyError) as refused:
        check_root_key()
    assert TOKEN not in str(refused.value)


def test_a_dead_service_is_not_asked_again_by_every_desk(
    service: KeyService, lab_id: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    class Silent:
        def __init__(self, *_: Any, **__: Any) -> None:
            """Connects to nobody."""

        def request(self, *_: Any) -> None:
            asked.append(1)
            raise TimeoutError

        def close(self) -> None:
            """Nothing was open."""

    monkeypatch.setattr(root_transit.http.client, "HTTPSConnection", Silent)
    for _ in range(5):
        with pytest.raises(RootKeyAway):
            wrap(b"k" * 32, lab_id, "data", 1)
    assert asked == [1]


@pytest.mark.parametrize(
    "address", ["http://vault:8200/transit/x", "https://vault", "https://vault/x", "https://v@w/transit/x"]
)
def test_an_address_that_is_none_ends_the_start_with_a_sentence(address: str, tmp_path: Path) -> None:
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-c", "import dentatool.project.settings"],
        env={"DENTATOOL_KMS": address, "DENTATOOL_VAR": str(tmp_path), "PYTHONPATH": ":".join(filter(None, sys.path))},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("DENTATOOL_KMS muss https://")


def test_versions_of_the_service_have_their_age(service: KeyService) -> None:
    newest = versions()[-1]

    assert newest.fingerprint == "transit/dentatool"
    assert json.loads((service.folder / "state.json").read_text())["dentatool"]["versions"][str(newest.version)]
