"""The specimen table for attacks on sealed fields."""

from harness.specimen import specimens

__all__ = ["specimens"]
