"""Practices of the demo laboratories. Invented people in real places."""

from typing import NamedTuple

from dentatool.practices.models import Dentist, KnownLocation, Practice


class _Practice(NamedTuple):
    name: str
    street: str
    postcode: str
    city: str
    location: str  # last two digits of the dentist's number, of the postcode, counter (domain.md 1.4)
    dentists: tuple[tuple[str, str, str], ...]
    skonto: tuple[int, int] = (0, 0)
    no_names: bool = False
    price_region: str = ""


_PRACTICES = {
    "anna": (
        _Practice(
            "Zahnarztpraxis am Ludwigsplatz",
            "Ludwigsplatz 7",
            "83022",
            "Rosenheim",
            "422201",
            (("Dr.", "Veronika", "Aschbichler"), ("", "Thomas", "Greiderer")),
            (20, 14),
        ),
        _Practice(
            "Praxis Dr. Oberhauser",
            "Bahnhofstraße 21",
            "83043",
            "Bad Aibling",
            "174301",
            (("Dr.", "Leonhard", "Oberhauser"),),
        ),
        _Practice(
            "Zahnärzte Kolbermoor",
            "Rosenheimer Straße 3",
            "83059",
            "Kolbermoor",
            "315901",
            (("Dr.", "Sabine", "Kirchlechner"), ("Dr.", "Emre", "Aydın"), ("", "Lisa", "Hofstetter")),
        ),
        _Practice(
            "Praxis Dr. Wimmer",
            "Hauptstraße 48",
            "83209",
            "Prien am Chiemsee",
            "080901",
            (("Dr.", "Korbinian", "Wimmer"),),
            (20, 10),
        ),
        _Practice(
            "Kieferorthopädie am Inn",
            "Schmiedgasse 2",
            "83512",
            "Wasserburg am Inn",
            "261201",
            (("Dr.", "Franziska", "Thalhammer"),),
            no_names=True,
        ),
        _Practice(
            "Zahnarztpraxis Stephanskirchen",
            "Simsseestraße 90",
            "83071",
            "Stephanskirchen",
            "537101",
            (("", "Markus", "Birnbaum"),),
        ),
        _Practice(
            "Praxis Dr. Ćosić und Kollegen",
            "Münchener Straße 60",
            "83022",
            "Rosenheim",
            "642202",
            (("Dr.", "Ivana", "Ćosić"), ("Dr.", "Peter", "Schnitzlbaumer")),
        ),
        _Practice(
            "Zahnarztpraxis Bruckmühl",
            "Pettenkoferstraße 5",
            "83052",
            "Bruckmühl",
            "195201",
            (("Dr.", "Ursula", "Estermann"),),
        ),
        _Practice(  # moved away with its laboratory: prices of its own region are agreed
            "Praxis am Rhein",
            "Bismarckstraße 12",
            "67059",
            "Ludwigshafen",
            "565901",
            (("Dr.", "Judith", "Hambrecht"),),
            price_region="RP",
        ),
    ),
    "bert": (
        _Practice(
            "Zahnarztpraxis am Aasee",
            "Annette-Allee 14",
            "48149",
            "Münster",
            "174901",
            (("Dr.", "Henrike", "Lütkehaus"), ("", "Jan", "Brüggemann")),
            (20, 10),
        ),
        _Practice(
            "Praxis Dr. Wessels", "Hammer Straße 133", "48153", "Münster", "335301", (("Dr.", "Ulrich", "Wessels"),)
        ),
        _Practice(
            "Zahnärzte Telgte",
            "Steinstraße 9",
            "48291",
            "Telgte",
            "289101",
            (("Dr.", "Anneke", "Terhechte"), ("Dr.", "Selim", "Korkmaz")),
        ),
        _Practice(
            "Praxis Dr. Große-Wilde",
            "Markt 2",
            "48231",
            "Warendorf",
            "413101",
            (("Dr.", "Clemens", "Große-Wilde"),),
            (20, 14),
        ),
        _Practice(
            "Kieferorthopädie Hiltrup",
            "Marktallee 38",
            "48165",
            "Münster",
            "076501",
            (("Dr.", "Mareike", "Schulze Althoff"),),
            no_names=True,
        ),
        _Practice(
            "Zahnarztpraxis Nottuls", "Stiftsstraße 11", "48301", "Nottuls", "550101", (("", "Friederike", "Ahlers"),)
        ),
    ),
}


# Numbers that the Bundesnetzagentur keeps for invented people (Munich and Cologne).
_PHONES = {"anna": "089 99998 {:03}", "bert": "0221 4710 {:03}"}
_REMARKS = ("", "Abholung täglich bis 11 Uhr am Hintereingang.", "", "Bestellt Modelle gern zweifach.")


def fill(key: str) -> None:
    """Practices with dentists and known location numbers, inside the laboratory's pass."""
    for place, facts in enumerate(_PRACTICES[key]):
        permille, days = facts.skonto
        practice = Practice.objects.create(
            customer_number=str(1001 + place),
            name=facts.name,
            street=facts.street,
            postcode=facts.postcode,
            city=facts.city,
            phone=_PHONES[key].format(101 + 7 * place),
            email=f"praxis{1001 + place}@{key}.example",
            remarks=_REMARKS[place % len(_REMARKS)],
            skonto_permille=permille,
            skonto_days=days,
            no_names=facts.no_names,
            price_region=facts.price_region,
        )
        KnownLocation.objects.create(practice=practice, number=facts.location)
        for title, first_name, last_name in facts.dentists:
            Dentist.objects.create(practice=practice, title=title, first_name=first_name, last_name=last_name)
