"""`dentatool backup` and `restore` as the operator meets them, from the key to the drill and to the restored minute."""

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest

from dentatool.values.checkpoint import Checkpoint, TrailKey
from dentatool.values.witness import WitnessFile
from harness.backed_up import Installation

pytestmark = pytest.mark.slow


def test_from_the_key_to_the_drill_and_back(installation: Installation) -> None:
    var, target, key = installation.var, installation.target, installation.key
    assert installation.doctor() == ("fehler", "noch keine fertig")
    assert "nichts öffnen" in installation.refused("backup", "keygen", "--out", var / "operator.key")
    installation.works("backup", "keygen", "--drill")
    installation.works("backup", "keygen", "--out", key)

    assert "Gesichert (voll)" in installation.works("backup", "create", "--full")
    assert "aufbauend" in installation.works("backup", "create")
    assert "jedes Byte wie geschrieben" in installation.works("backup", "verify")
    assert "Probe bestanden" in installation.works("backup", "drill")
    assert "Probe bestanden" in installation.works("backup", "drill", "--identity", key)
    assert installation.doctor()[0] == "gut"

    assert {facts["kind"] for facts in installation.events("backup_done")} == {"full", "incremental"}
    assert {facts["result"] for facts in installation.events("backup_drill")} == {"bestanden"}
    assert [protocol.name for protocol in var.glob("drill*")] == []
    assert "AGE-SECRET-KEY" in key.read_text()
    secrets = [
        path.read_bytes().strip()
        for folder in ("keys", "secrets")
        for path in (var / folder).iterdir()
        if path.suffix == ".key"
    ]
    for path in target.iterdir():
        content = path.read_bytes()
        assert path.suffix == ".json" or content.startswith(b"age-encryption.org/v1\n")
        assert not any(secret in content for secret in secrets)

    installation.works("restore", "--into", installation.base / "back", "--identity", key)
    assert installation.events("restore_done") == [{"until": ""}]
    assert "nicht leer" in installation.refused("restore", "--into", installation.base / "back", "--identity", key)
    assert len(installation.events("restore_refused")) == 1

    key_file = TrailKey.from_file(var / "secrets" / "trail.key")
    later = Checkpoint(UUID(int=0), 10_000, bytes(32), datetime.now(UTC), datetime.now(UTC))
    witness = WitnessFile(var / "witness", UUID(int=0))
    witness.append(key_file.sign(later), b"")
    assert installation.doctor("Versiegelung")[0] == "fehler"
    installation.works("backup", "create")
    witness.path.unlink()  # what was told is in the target as well
    told = installation.works("restore", "--into", installation.base / "older", "--identity", key)
    assert "! ACHTUNG: Diese Datenbank ist älter" in told and "bezeugt wurden" in told and "10000" in told
    assert "Älter als bezeugt: Plattform" in installation.refused("backup", "drill")

    file = sorted(target.glob("*.age"))[1]
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert f"{file.name}: ist verändert" in installation.refused("backup", "verify")
    assert installation.events("backup_verify_fail") == [
        {"count": 1, "what": f"{file.name}: ist verändert oder vertauscht"}
    ]
    assert installation.doctor() == ("fehler", "1 Fehler bei der letzten Prüfung")


def test_a_drill_that_brings_back_something_else_is_red(installation: Installation) -> None:
    """The root key of the installation is another one than when the names were sealed."""
    installation.works("backup", "keygen", "--out", installation.key)
    installation.works(
        "tenant",
        "create",
        "Labor Anna",
        "--region",
        "BY",
        "--place",
        "D-X",
        "--owner",
        "Anna A",
        "--sign-in",
        "a@a.example",
    )
    installation.works("backup", "create", "--full")
    root = installation.var / "keys/root.key"
    kept = root.read_text()
    root.write_text(json.dumps({"1": "A" * 43 + "="}))

    told = installation.refused("backup", "drill", "--identity", installation.key)
    root.write_text(kept)

    assert "Die Probe der Wiederherstellung ist gescheitert" in told
    assert installation.events("backup_drill")[-1]["result"] == "gescheitert"
    assert "Probe bestanden" in installation.works("backup", "drill", "--identity", installation.key)
