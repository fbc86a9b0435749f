"""Who may enter and what they may do.

Promise: every page declares its permission or is not served; a person belongs to exactly one
laboratory; roles are sets of named permissions in one table; a session ends after idle time,
at its absolute end, and at once when the account is deactivated or its role changes.

How it could be broken: by a view that escapes the Gate (tests/protection/access walks every
address), by a stolen cookie within the idle time.
Tests that try: tests/protection/access, tests/attack/test_atk_28, _39.
"""

from dentatool.protection.access.internal.entering import sign_in
from dentatool.protection.access.internal.gate import page
from dentatool.protection.access.internal.models import Account
from dentatool.protection.access.internal.roles import PUBLIC, Permission, Role
from dentatool.protection.access.internal.sessions import sign_out

__all__ = ["PUBLIC", "Account", "Permission", "Role", "page", "sign_in", "sign_out"]
