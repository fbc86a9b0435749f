"""Records that never change once they are issued, declared in one line on the model."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Frozen:
    """From when on the database refuses every change of a row, whoever asks.

    `Frozen(once="issued_at")`: as soon as that column holds a value.
    `Frozen(by="invoice")`: as soon as the row that this foreign key names is frozen.
    """

    once: str = ""
    by: str = ""

    def __post_init__(self) -> None:
        if bool(self.once) == bool(self.by):
            raise ValueError("Frozen needs either once= or by=")
