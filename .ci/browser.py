"""Installs Debian's Chromium for the browser tests, and nginx for those in front of the server, when missing and we are root."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

# Under a running systemd, installing nginx would start it as a service: nobody who runs tests has asked for that.
NGINX = () if Path("/run/systemd/system").exists() else ("nginx-light",)
PACKAGES = ("chromium", "libatomic1", *NGINX)


def main() -> int:
    """Never fails: without a browser the tests count what they skip."""
    has_nginx = not NGINX or shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if shutil.which("chromium") and _has_libatomic() and has_nginx:
        return 0
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return 0
    print(f"  … {', '.join(PACKAGES)} werden für die Tests installiert", flush=True)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for _attempt in range(2):
        for command in (
            ["apt-get", "update", "-qq"],
            ["apt-get", "install", "-qq", "--no-install-recommends", *PACKAGES],
        ):
            done = subprocess.run(
                [*command, "-y"] if "install" in command else command,
                env=quiet,
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        if done.returncode == 0:
            return 0
    print(
        "  ! Chromium oder nginx ließ sich nicht installieren; ihre Tests werden übersprungen.",
        file=sys.stderr,
        flush=True,
    )
    return 0


def _has_libatomic() -> bool:
    return any(Path("/usr/lib").glob("*/libatomic.so.1")) or Path("/usr/lib/libatomic.so.1").exists()


if __name__ == "__main__":
    sys.exit(main())
