"""The results as people read them."""

from collections.abc import Iterator
from typing import Any


def lines(found: dict[str, Any]) -> Iterator[str]:
    """One table after the other; every number is from the results."""
    yield (
        f"Gemessen am {found['date']}: {found['laboratories']} Labore, {found['orders']} Aufträge, "
        f"{found['patients']} Patienten im gemessenen Labor, {found['rounds']} Runden."
    )
    yield f"Rechner: {found['cpus']} Kerne, Last vorher {found['load_before']:.2f}, nachher {found['load_after']:.2f}, {found['postgres']}."
    yield ""
    yield (
        f"In der Datenbank (µs, Median; Ziel Verhältnis ≤ {found['database'][0]['target']}; Programm und Datenbank auf zwei Kernen,"
        " in Klammern das Verhältnis auf einem):"
    )
    for each in found["database"]:
        note = f" ({each['ratio_on_one_core']:.2f})" + (f"  {each['note']}" if each["note"] else "")
        mark = "✓" if each["met"] else "✗"
        yield f"  {mark} {each['name']:<26} {each['ours_us']:8.0f} gegen {each['raw_us']:8.0f} = {each['ratio']:5.2f}{note}"
    yield f"    Sitzung nachschlagen       {found['door_us']:8.0f} (kommt zu jeder Seite hinzu, hat kein Gegenstück)"
    yield ""
    yield "Ganze Anfragen über TLS (ms):                Median      p95  ruhigste Runde   Ziel   mal rohes SQL"
    for each in found["requests"]:
        mark = {True: "✓", False: "✗", None: " "}[each["met"]]
        target = f"{each['target_ms']:6.0f}" if each["target_ms"] else "     –"
        times = f"{each['median_ms']:8.2f} {each['p95_ms']:8.2f} {each['quietest_ms']:15.2f}"
        yield f"  {mark} {each['name']:<26} {each['clients']} Clients {times} {target} {each['times_raw']:10.1f}"
    for each in found["api"]:
        yield (
            f"    API, {each['name']:<22} 2 Clients {each['median_ms']:8.2f} ms, {each['per_s']:.0f} je Sekunde "
            f"(beste Runde {each['best_per_s']:.0f})"
        )
    yield f"    Erste Suche nach Neustart (kalt): {', '.join(f'{ms:.0f}' for ms in found['search_cold_ms'])} ms"
    yield ""
    xml = found["xml"]
    yield (
        f"XML je Sekunde und Kern ({xml['lines_each']:.0f} Zeilen, mit Prüfung): Bibliothek {xml['library_per_s']:.0f}, "
        f"aus ausgestellten Rechnungen {xml['database_per_s']:.0f}, mit rohem SQL {xml['raw_per_s']:.0f} "
        f"(Verhältnis {xml['ratio']:.2f})"
    )
    rotation = found["rotation"]
    yield (
        f"Neue Schlüssel: {rotation['rows_per_s']:.0f} Zeilen je Sekunde ({rotation['values_per_s']:.0f} Werte), "
        f"{rotation['rows']} Zeilen in {rotation['seconds']:.1f} s"
    )
    sealing = found["sealing"]
    yield (
        f"Siegel des Protokolls unter Last ({sealing['orders']} Aufträge, {sealing['entries']} Einträge in {sealing['seconds']:.0f} s): "
        f"ein Eintrag wartet im Median {sealing['lag_p50_s']:.0f} s, höchstens {sealing['lag_max_s']:.0f} s"
    )
    yield (
        f"  Auftrag anlegen ohne Versiegler {sealing['alone_ms']:.1f} und {sealing['after_ms']:.1f} ms "
        f"(p95 {sealing['alone_p95_ms']:.1f}), dazwischen mit ihm {sealing['beside_ms']:.1f} ms (p95 {sealing['beside_p95_ms']:.1f}); "
        f"Rückstand von {sealing['backlog']} Einträgen mit {sealing['backlog_per_s']:.0f} je Sekunde versiegelt"
    )
    backup = found["backup"]
    yield (
        f"Sichern, {backup['megabytes']:.0f} MB: {backup['backup_mb_per_s']:.0f} MB/s verschlüsselt gegen"
        f" {backup['basebackup_mb_per_s']:.0f} mit pg_basebackup (Zeit mal {backup['backup_ratio']:.2f}), pg_dump"
        f" {backup['dump_mb_per_s']:.0f}; wiederherstellen, geprüft: {backup['restore_mb_per_s']:.0f} MB/s gegen"
        f" {backup['pg_restore_mb_per_s']:.0f} mit pg_restore (Zeit mal {backup['restore_ratio']:.2f})"
    )
    yield ""
    yield from plan_lines(found["plans"])


def plan_lines(plans: list[dict[str, Any]]) -> Iterator[str]:
    """Pages that each list statement touches at each number of laboratories."""
    stages = list(plans[0]["pages"]) if plans else []
    yield f"Berührte Seiten je Anweisung der Listen bei {' / '.join(str(stage) for stage in stages)} Laboren:"
    for each in plans:
        mark = "✗" if each["problems"] else "✓"
        pages = " / ".join(str(count) for count in each["pages"].values())
        yield f"  {mark} {each['address']:<34} {each['statement'][:58]:<58} {pages}"
        for problem in each["problems"]:
            yield f"      {problem}"
