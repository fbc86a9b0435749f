"""Where this installation keeps its things and how it is reached: the environment decides."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from dentatool.project.console import Failure

REPOSITORY = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class Instance:
    """One installation. `var` holds everything that is not program."""

    var: Path
    mode: str
    host: str
    port: int
    database_url: str | None

    @property
    def address(self) -> str:
        """What a person types into the browser."""
        host = "localhost" if self.host in ("127.0.0.1", "::1", "0.0.0.0", "::") else self.host  # noqa: S104
        return f"https://{f'[{host}]' if ':' in host else host}:{self.port}/"

    def environment(self, role: str) -> dict[str, str]:
        """For a child process in this database role. The superuser's address stays with us."""
        inherited = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        return {
            **inherited,
            "DENTATOOL_VAR": str(self.var),
            "DENTATOOL_MODE": self.mode,
            "DENTATOOL_DB_ROLE": role,
            "DJANGO_SETTINGS_MODULE": "dentatool.project.settings",
            "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
            "PYTHONUNBUFFERED": "1",
        }


def this_instance() -> Instance:
    """Read the environment; anything unusable is a clear failure."""
    port = os.environ.get("DENTATOOL_PORT", "8443")
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise Failure(f"DENTATOOL_PORT muss eine Zahl von 1 bis 65535 sein, nicht {port!r}.")
    mode = os.environ.get("DENTATOOL_MODE", "development")
    if mode not in ("development", "test", "production"):
        raise Failure(f"DENTATOOL_MODE muss development, test oder production sein, nicht {mode!r}.")
    return Instance(
        var=Path(os.environ.get("DENTATOOL_VAR", REPOSITORY / "var")).absolute(),
        mode=mode,
        host=os.environ.get("DENTATOOL_HOST", "127.0.0.1"),
        port=int(port),
        database_url=os.environ.get("DATABASE_URL") or None,
    )


def start_django(role: str) -> None:
    """Set Django up in this process, in one database role."""
    os.environ["DENTATOOL_DB_ROLE"] = role
    os.environ["DJANGO_SETTINGS_MODULE"] = "dentatool.project.settings"
    if not (this_instance().var / "secrets" / "database.json").exists():
        raise Failure("DentaTool ist noch nicht eingerichtet. Starten Sie zuerst: make run")
    import django  # noqa: PLC0415

    django.setup()
