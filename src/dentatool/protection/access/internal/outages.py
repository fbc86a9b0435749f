"""What the database could not do just now, in words for people. None of it is the fault of who was working."""

from dataclasses import dataclass

from django.db import DatabaseError, DataError, OperationalError


@dataclass(frozen=True, slots=True)
class Words:
    """A page about something that did not work."""

    status: int
    title: str
    message: str
    what_to_do: str


BUSY = Words(
    409,
    "Jemand war schneller",
    "Diese Daten werden gerade an anderer Stelle geändert. Es wurde nichts gespeichert.",
    "Laden Sie die Seite neu und versuchen Sie es noch einmal.",
)
UNFIT = Words(
    422,
    "Eine Eingabe passt nicht",
    "Ein Wert ist zu groß, zu lang oder enthält unzulässige Zeichen. Es wurde nichts gespeichert.",
    "Gehen Sie zurück und prüfen Sie die Eingaben.",
)
BROKEN_OFF = Words(
    503,
    "Die Datenbank hat die Arbeit abgebrochen",
    "Das hat zu lange gedauert oder wurde unterbrochen. Es wurde nichts gespeichert.",
    "Versuchen Sie es noch einmal. Geschieht es wieder, grenzen Sie die Suche ein oder rufen Sie den Betreiber an.",
)
AWAY = Words(
    503,
    "Die Datenbank ist gerade nicht erreichbar",
    "Die Verbindung ist abgerissen. Es wurde nichts gespeichert.",
    "Versuchen Sie es in einigen Sekunden noch einmal. Hält es an, rufen Sie den Betreiber an.",
)
FULL = Words(
    503,
    "Der Speicherplatz ist erschöpft",
    "Auf dem Datenträger der Datenbank ist kein Platz mehr. Lesen geht weiter; diese Eingabe wurde nicht gespeichert.",
    "Rufen Sie den Betreiber an: Er muss Platz schaffen, bevor wieder etwas gespeichert werden kann.",
)
UNCERTAIN = Words(
    503,
    "Es ist ungewiss, ob gespeichert wurde",
    "Die Verbindung zur Datenbank ist in dem Augenblick abgerissen, in dem Ihre Änderung gespeichert werden sollte.",
    "Sehen Sie nach, ob Ihre Änderung da ist, bevor Sie sie wiederholen.",
)
# What our own policies and triggers said no to.
REFUSED = Words(
    409, "Der Vorgang wurde abgewiesen", "Die Datenbank hat den Zugriff abgelehnt.", "Melden Sie sich neu an."
)
ISSUED = Words(
    409,
    "Das lässt sich nicht mehr ändern",
    "Ausgestellte Belege bleiben unverändert.",
    "Nutzen Sie „Storno und Kopie“.",
)
CLOCKS_APART = Words(
    503,
    "Das hat zu lange gedauert",
    "Die Erlaubnis zu diesem Vorgang war schon abgelaufen, oder die Uhren von Programm und Datenbank gehen verschieden. "
    "Es wurde nichts gespeichert.",
    "Versuchen Sie es noch einmal. Hält es an, rufen Sie den Betreiber an: Er muss die Uhren stellen.",
)

# SQLSTATE or its class → words. What is not named here is a fault of the program and stays loud.
_WORDS = {
    "55": BUSY,  # lock not available
    "40": BUSY,  # deadlock, serialization failure
    "22": UNFIT,
    "57014": BROKEN_OFF,  # statement timeout, or an administrator cancelled the query
    "57": AWAY,  # shut down, starting up, ended by an administrator
    "08": AWAY,
    "53100": FULL,
    "53": AWAY,  # no connection left, no memory
    "25P02": BROKEN_OFF,  # Django passes over an error while it checks constraints; the next statement tells
    "25P03": AWAY,  # ended by idle_in_transaction_session_timeout
    "25P04": AWAY,
}


def words_for(error: Exception) -> Words | None:
    """What to tell about this error of the database; None if it is no such thing."""
    if not isinstance(error, DatabaseError):
        return None
    if (code := sqlstate(error)) is not None:
        return _WORDS.get(code) or _WORDS.get(code[:2])
    if isinstance(error, DataError):  # the driver itself refused, a null character for instance
        return UNFIT
    return AWAY if isinstance(error, OperationalError) else None  # nobody answered: there is no code


def sqlstate(error: BaseException) -> str | None:
    """The five characters with which PostgreSQL names an error."""
    return getattr(error.__cause__, "sqlstate", None)
