"""Whether DentaTool in this container is ready: /readyz answers 200. Exit code 1 where it does not."""

import http.client
import os
import ssl
import sys
from pathlib import Path

VAR = Path(os.environ.get("DENTATOOL_VAR", "/var/lib/dentatool"))


def main() -> int:
    """Asks over TLS, trusting the certificate that this very installation made or was given."""
    certificate = os.environ.get("DENTATOOL_TLS_CERT") or VAR / "tls" / "certificate.pem"
    try:
        trust = ssl.create_default_context(cafile=certificate)
        trust.check_hostname = False  # asked by address; the certificate itself is known
        port = int(os.environ.get("DENTATOOL_PORT", "8443"))
        link = http.client.HTTPSConnection("127.0.0.1", port, timeout=8, context=trust)
        link.request("GET", "/readyz", headers={"Host": os.environ.get("DENTATOOL_HOSTS", "localhost").split(",")[0]})
        answer = link.getresponse()
        said = answer.read(2000).decode(errors="replace")
    except (OSError, http.client.HTTPException, ValueError) as error:
        said, status = f"{type(error).__name__}: {error}", 0
    else:
        status = answer.status
    sys.stdout.write(f"{status} {said}\n")
    return 0 if status == 200 else 1


if __name__ == "__main__":
    sys.exit(main())
