"""Drafts: what a person typed and could not send, because the session ended or a confirmation was asked first.

Promise: sealed, seen by nobody but the same account, gone after three days and with the account's access; passwords,
codes and files are never kept; at most twenty of a person, each of bounded size.

How it could be broken: by a thief of a cookie whose session ended by itself (they may leave a draft, and read none).
Tests that try: tests/team/test_drafts.py.
"""

from dentatool.protection.access.internal.drafts import Draft, drafts_of, drop_draft, keep_draft

__all__ = ["Draft", "drafts_of", "drop_draft", "keep_draft"]
