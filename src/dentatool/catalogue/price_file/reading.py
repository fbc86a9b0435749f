"""The whole way from a file to its prices."""

from __future__ import annotations

import hashlib
from typing import Final

from dentatool.catalogue.bel import printed_number, services
from dentatool.catalogue.price_file.layout import layout_of, refuse_torn_end, without_header
from dentatool.catalogue.price_file.model import PriceFile, PriceFileError
from dentatool.catalogue.price_file.naming import region_in, valid_from_in
from dentatool.catalogue.price_file.prices import gather, missing_in
from dentatool.catalogue.price_file.text import rows_of

FEWEST_NUMBERS: Final = 150  # lists before 2022 have 156; fewer is a torn file, not a list with gaps


def read_price_file(name: str, data: bytes) -> PriceFile:
    """Read a published list. Raises PriceFileError; never anything else."""
    rows, text, encoding = rows_of(data)
    rows = without_header(rows)
    layout = layout_of(name, rows)
    refuse_torn_end(text, rows, layout)
    gathered = gather(rows, layout)
    if len(gathered.seen) < FEWEST_NUMBERS:
        raise PriceFileError(
            f"Nur {len(gathered.seen)} BEL-Nummern gefunden, erwartet werden {len(services())}. "
            "Die Datei ist wohl abgeschnitten oder keine BEL-II-Preisliste. Bitte neu herunterladen."
        )
    if max(gathered.seen) < max(services()):  # every list goes up to 970 0
        raise PriceFileError(
            f"Die Datei endet bei BEL {printed_number(max(gathered.seen))}; die letzten Nummern fehlen. "
            "Sie ist wohl abgeschnitten. Bitte neu herunterladen."
        )
    return PriceFile(
        name=name,
        sha256=hashlib.sha256(data).hexdigest(),
        encoding=encoding,
        columns=layout.columns,
        region=region_in(name),
        valid_from=valid_from_in(name),
        prices=gathered.prices,
        missing={kind: tuple(missing_in(kind, gathered)) for kind in gathered.prices if gathered.prices[kind]},
        unknown_numbers=tuple(written for _place, written, _text in gathered.unknown),
        remarks=tuple(gathered.remarks),
    )
