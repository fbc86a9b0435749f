"""The specimen table for the tests of sealed fields."""

from harness.specimen import specimens

__all__ = ["specimens"]
