"""BEL II price lists as the KZVs publish them (VDDS price CSV and its many relatives). Pure.

Promise: either a PriceFile whose prices are exactly those of the file, with a report of what is
missing or odd, or a PriceFileError that says in German what is wrong and what to do. Nothing in
between: a price is never guessed and never computed (Praxislabor rounding is not uniform).
Units: integer cents. Sources: domain.md 2.1; the variants are those of the published files.

reading: the whole way · text: bytes to lines · layout: which column is which · prices: lines to cents ·
naming: what the file's name says.
"""

from dentatool.catalogue.price_file.model import ALL_AREAS, COMMERCIAL, PRACTICE, Missing, PriceFile, PriceFileError
from dentatool.catalogue.price_file.naming import REGION_OF_KZV
from dentatool.catalogue.price_file.reading import FEWEST_NUMBERS, read_price_file
from dentatool.catalogue.price_file.text import MOST_BYTES, MOST_LINES

__all__ = [
    "ALL_AREAS",
    "COMMERCIAL",
    "FEWEST_NUMBERS",
    "MOST_BYTES",
    "MOST_LINES",
    "PRACTICE",
    "REGION_OF_KZV",
    "Missing",
    "PriceFile",
    "PriceFileError",
    "read_price_file",
]
