"""Countries that a place of manufacture may name (in German), to tell them from German towns without ``D-``."""

from __future__ import annotations

from typing import Final

from dentatool.values.text import search_key

_NAMES: Final = """
Ägypten, Albanien, Argentinien, Australien, Bangladesch, Belarus, Belgien, Bosnien und Herzegowina, Brasilien,
Bulgarien, Chile, China, Volksrepublik China, VR China, Dänemark, Estland, Finnland, Frankreich, Georgien,
Griechenland, Großbritannien, Hongkong, Indien, Indonesien, Irland, Island, Israel, Italien, Japan, Kanada,
Kosovo, Kroatien, Lettland, Liechtenstein, Litauen, Luxemburg, Madagaskar, Malaysia, Malta, Marokko, Mazedonien,
Nordmazedonien, Mexiko, Moldau, Monaco, Montenegro, Neuseeland, Niederlande, Norwegen, Österreich, Pakistan,
Philippinen, Polen, Portugal, Rumänien, Russland, Schweden, Schweiz, Serbien, Singapur, Slowakei, Slowenien,
Spanien, Sri Lanka, Südafrika, Südkorea, Taiwan, Thailand, Tschechien, Tschechische Republik, Tunesien, Türkei,
Ukraine, Ungarn, USA, Vereinigte Staaten, Vereinigtes Königreich, Vietnam, Zypern
"""
_COUNTRIES: Final = frozenset(search_key(name) for name in _NAMES.split(","))


def is_foreign_country(place: str) -> bool:
    """Whether the text names a country other than Germany, alone or beside a town (``"China, Shenzhen"``)."""
    parts = [search_key(part) for part in place.replace("-", ",").replace("/", ",").split(",")]
    return any(part in _COUNTRIES for part in (search_key(place), *parts))
