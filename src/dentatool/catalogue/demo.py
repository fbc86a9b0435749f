"""Price lists, articles and service chains of the demo laboratories; BEL prices are the real maximum prices."""

import csv
from datetime import date
from importlib.resources import files

from dentatool.catalogue.models import Art, Article, ChainLine, Price, PriceList, ServiceChain
from dentatool.team.queries import profile

_ARTICLES = (
    (Art.NBL, "P100", "Vollkeramikkrone, Zirkon monolithisch", "Stück", 19_800, 70),
    (Art.NBL, "P110", "Individuelle Schichtung, Keramik", "Stück", 9_800, 70),
    (Art.NBL, "P120", "Farbbestimmung im Labor", "Sitzung", 3_850, 70),
    (Art.NBL, "P130", "Digitale Modellherstellung", "Stück", 2_600, 70),
    (Art.NBL, "P140", "Ästhetik-Wax-up je Zahn", "Zahn", 1_850, 70),
    (Art.NBL, "P200", "Aufbissschiene, digital gefräst", "Stück", 16_800, 70),
    (Art.EDM, "L01", "Legierung, hochgoldhaltig", "g", 13_870, 70),
    (Art.EDM, "L02", "Legierung, goldreduziert", "g", 8_940, 70),
    (Art.MAT, "M10", "Künstlicher Zahn, Kunststoff", "Stück", 420, 70),
    (Art.MAT, "M11", "Künstlicher Zahn, Komposit", "Stück", 780, 70),
    (Art.MAT, "M20", "Dehnschraube", "Stück", 1_250, 70),
    (Art.MAT, "M30", "Prothesenbürste", "Stück", 590, 190),
)
# Anna has a practice with which the prices of another region are agreed (practices/demo.py).
_AGREED_REGIONS = {"anna": ("RP",)}
# Name, area, lines (BEL number or article → formula).
_CHAINS = (
    ("NEM-Krone, unverblendet", "ZE", {"0010": "1", "0051": "1", "0120": "1", "1021": "kronen", "9700": "kronen", "9330": "versandgaenge"}),
    ("NEM-Krone, verblendet", "ZE",
     {"0010": "1", "0051": "1", "0120": "1", "1024": "kronen", "1620": "kronen", "9700": "kronen", "9330": "versandgaenge"}),
    ("NEM-Brücke, verblendet", "ZE",
     {"0010": "1", "0051": "1", "0120": "1", "1024": "anker", "1100": "glieder", "1620": "verblendungen",
      "9700": "anker+glieder", "9330": "versandgaenge"}),
    ("Modellguss", "ZE",
     {"0010": "3", "0120": "1", "0211": "1", "2010": "1", "2041": "klammern", "3010": "1", "3020": "zaehne", "3610": "1",
      "3620": "zaehne", "M10": "zaehne", "9330": "versandgaenge"}),
    ("Unterfütterung, vollständig", "ZE", {"0010": "2", "0112": "1", "8090": "1", "9330": "versandgaenge"}),
    ("Reparatur, Sprung oder Bruch", "ZE", {"0010": "1", "8010": "1", "8021": "1", "9330": "versandgaenge"}),
    ("Aufbissbehelf, adjustiert", "KB", {"0010": "2", "0120": "1", "4010": "1", "9330": "versandgaenge"}),
    ("Aktive Platte mit Dehnschraube", "KFO",
     {"0010": "1", "7010": "1", "7200": "1", "7220": "1", "7300": "1", "7510": "klammern", "M20": "1", "9330": "versandgaenge"}),
)  # fmt: skip


def fill(key: str) -> None:
    """Lists of 2025 and 2026 for the regions it bills by, its articles and chains, inside its pass."""
    for region in sorted({profile().region, *_AGREED_REGIONS.get(key, ())}):
        for year in (2025, 2026):
            _price_list(region, year)
    articles = {
        number: Article.objects.create(
            art=art, number=number, text=text, unit=unit, price_cents=cents, vat_permille=vat
        )
        for art, number, text, unit, cents, vat in _ARTICLES
    }
    for name, area, lines in _CHAINS:
        chain = ServiceChain.objects.create(name=name, area=area)
        for rank, (number, formula) in enumerate(lines.items(), 1):
            article = articles.get(number)
            ChainLine.objects.create(
                chain=chain,
                rank=rank,
                art=article.art if article else "BEL",
                number=number,
                article=article,
                text=article.text if article else "",
                formula=formula,
            )


def _price_list(region: str, year: int) -> None:
    made = PriceList.objects.create(
        name=f"BEL II {region} {year}",
        region=region,
        lab_type=profile().lab_type,
        valid_from=date(year, 1, 1),
        state=PriceList.State.ACTIVE,
        source_name=f"Höchstpreise {year}, Vorführdaten",
    )
    table = files("dentatool.catalogue").joinpath("demo_prices.csv").read_text()
    Price.objects.bulk_create(
        Price(price_list=made, number=row["number"], cents=int(row[f"{region}{year}"]))
        for row in csv.DictReader(table.splitlines(), delimiter=";")
        if row[f"{region}{year}"]
    )
