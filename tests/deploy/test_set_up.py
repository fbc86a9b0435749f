"""The steps of compose.yaml and of the separate services, each as a process of its own, against a server that others run."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dentatool.operations.cluster import Cluster

pytestmark = pytest.mark.slow
HEALTH = Path(__file__).parents[2] / "deploy" / "container" / "healthcheck.py"
PASSWORD = "geheim-7"


@pytest.fixture
def server() -> Iterator[Cluster]:
    """A PostgreSQL with its socket in a folder that others reach."""
    folder = Path(tempfile.mkdtemp(prefix="dentatool-compose-"))
    folder.chmod(0o711)
    cluster = Cluster(folder / "postgres", durable=False)
    cluster.found(PASSWORD)
    cluster.start()
    yield cluster
    cluster.stop()
    shutil.rmtree(folder, ignore_errors=True)


def test_set_up_with_the_superuser_then_serve_without(server: Cluster, tmp_path: Path) -> None:
    """As in compose.yaml: one process has DATABASE_URL and ends; what serves never sees it. A second time is an upgrade."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("DENTATOOL_", "PYTEST", "DATABASE"))
    }
    clean |= {"DENTATOOL_VAR": str(tmp_path / "var"), "DENTATOOL_PORT": port, "DENTATOOL_WORKERS": "1"}
    clean |= {"DENTATOOL_MODE": "production", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    dentatool = [sys.executable, "-m", "dentatool.project.cli"]
    secret = tmp_path / "superuser"
    secret.write_text(f"{PASSWORD}\n")
    with_superuser = clean | {
        "DATABASE_URL": f"postgresql://postgres:{secret.read_text().strip()}@/postgres?host={server.host}"
    }

    assert subprocess.run([sys.executable, HEALTH], env=clean, capture_output=True, check=False).returncode == 1
    for _ in ("set up", "upgrade"):
        done = subprocess.run(
            [*dentatool, "run", "--set-up-only"], env=with_superuser, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Webserver" not in done.stdout

    serving = subprocess.Popen([*dentatool, "serve"], env=clean, start_new_session=True)
    try:
        ending = time.monotonic() + 40
        while (
            health := subprocess.run([sys.executable, HEALTH], env=clean, capture_output=True, text=True, check=False)
        ).returncode:
            assert time.monotonic() < ending and serving.poll() is None, health.stdout
            time.sleep(0.3)
        assert health.stdout.startswith("200 ")
    finally:
        os.killpg(serving.pid, signal.SIGTERM)
        serving.wait(20)

    # Who forgets DATABASE_URL with the next upgrade hears so, instead of getting an empty database beside it.
    done = subprocess.run([*dentatool, "run", "--set-up-only"], env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "DATABASE_URL ist nicht" in done.stderr.replace("\n  ", " ")
