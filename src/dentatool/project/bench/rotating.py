"""How many rows a second are sealed anew when the measured laboratory gets new keys, by the command that does it."""

import json
import subprocess
import sys
from typing import Any
from uuid import UUID

from dentatool.project.console import Failure
from dentatool.project.instance import Instance


def rotation_speed(instance: Instance, lab_id: UUID) -> dict[str, Any]:
    """Rows, values and seconds of sealing alone; nobody else is at work, and the database writes durably."""
    command = [sys.executable, "-m", "dentatool.project.cli", "keys", "rotate", "--lab", str(lab_id), "--json"]
    done = subprocess.run(command, env=instance.environment("owner"), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"dentatool keys rotate ist gescheitert:\n{done.stderr[-3000:]}")
    (found,) = json.loads(done.stdout)
    seconds = found["seconds"] or 1e-9
    return {**found, "rows_per_s": found["rows"] / seconds, "values_per_s": found["values"] / seconds}
