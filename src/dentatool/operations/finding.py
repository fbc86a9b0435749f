"""What the doctor says of one thing that he looked at."""

from dataclasses import asdict, dataclass

GOOD, WARNING, WRONG = "gut", "warnung", "fehler"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `mend` says what to do and is empty when all is well."""

    what: str
    status: str
    found: str
    mend: str = ""

    def as_json(self) -> dict[str, str]:
        """For machines."""
        return asdict(self)
