#!/usr/bin/env python3
# ruff: noqa: T201
"""Prüft versiegelte Protokolle von DentaTool: ohne DentaTool, ohne Server, ohne Internet.

Braucht nur Python ab 3.9 und diese eine Datei.

    python3 protokoll_pruefen.py DATEI --key SCHLÜSSEL
    python3 protokoll_pruefen.py DATEI --checkpoint PRÜFPUNKT

DATEI ist eine versiegelte Ausgabe (ZIP oder JSON Lines), ein Nachweis (JSON) oder ein Prüfpunkt (Text). SCHLÜSSEL ist der
öffentliche Schlüssel Ihres Betreibers, 64 Zeichen; er steht auf der Seite „Protokoll ausgeben“. PRÜFPUNKT ist eine Datei,
die Sie früher heruntergeladen haben: Dann wird auch geprüft, dass seitdem an allem davor nichts geändert wurde.

Ende mit 0: Alles stimmt. 1: Etwas stimmt nicht. 2: In sich stimmig, aber mit nichts verglichen, was Sie vorher hatten.
"""

# Written a second time, on purpose: a program by which the provider is checked must not be made of the provider's parts.
# Ed25519 as in RFC 8032 (verification only, slow and simple); Merkle tree as in RFC 6962 and 9162.

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import json
import sys
import zipfile
from datetime import datetime
from typing import Any, NoReturn

# --- Ed25519, RFC 8032 section 5.1 ------------------------------------------------------------------------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)
Point = tuple  # x, y, z, t with x = X/Z, y = Y/Z, x*y = T/Z


def add(one: Point, other: Point) -> Point:
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c, d = 2 * one[3] * other[3] * D % P, 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def times(factor: int, point: Point) -> Point:
    result: Point = (0, 1, 1, 0)
    while factor > 0:
        if factor & 1:
            result = add(result, point)
        point = add(point, point)
        factor >>= 1
    return result


def is_equal(one: Point, other: Point) -> bool:
    return (one[0] * other[2] - other[0] * one[2]) % P == 0 and (one[1] * other[2] - other[1] * one[2]) % P == 0


def point_of(encoded: bytes) -> Point | None:
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if len(encoded) != 32 or y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P != 0:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P != 0 or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = point_of(BASE_Y.to_bytes(32, "little"))


def is_signed(public: bytes, message: bytes, signature: bytes) -> bool:
    key, random_point = point_of(public), point_of(signature[:32])
    if key is None or random_point is None or BASE is None or len(signature) != 64:
        return False
    scalar = int.from_bytes(signature[32:], "little")
    if scalar >= L:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    return is_equal(times(scalar, BASE), add(random_point, times(challenge, key)))


# --- The tree, RFC 6962 section 2.1 -----------------------------------------------------------------------------------


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def leaf_of(lab: str, entry: str, day: str, content: str, what: str) -> bytes:
    text = f"dentatool-trail 1\n{lab}\n{entry}\n{day}\n{content}\n{what}"
    return hashlib.sha256(b"\x00" + text.encode()).digest()


class Tree:
    """Only the tops of the complete parts are kept."""

    def __init__(self) -> None:
        self.size, self.tops = 0, []  # type: ignore[var-annotated]

    def grow(self, leaf: bytes) -> None:
        self.tops.append(leaf)
        self.size += 1
        rest = self.size
        while rest % 2 == 0:
            right = self.tops.pop()
            self.tops[-1] = node(self.tops[-1], right)
            rest //= 2

    def root(self) -> bytes:
        if not self.tops:
            return hashlib.sha256(b"").digest()
        found = self.tops[-1]
        for top in reversed(self.tops[:-1]):
            found = node(top, found)
        return found


def is_included(leaf: bytes, index: int, size: int, path: list[bytes], root: bytes) -> bool:
    if not 0 <= index < size:
        return False
    place, last, found = index, size - 1, leaf
    for neighbour in path:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = node(neighbour, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node(found, neighbour)
        place, last = place >> 1, last >> 1
    return last == 0 and found == root


def is_continued(earlier: int, root: bytes, later: int, later_root: bytes, path: list[bytes]) -> bool:
    if not 0 < earlier <= later:
        return False
    if earlier == later:
        return not path and root == later_root
    whole = [root, *path] if earlier & (earlier - 1) == 0 else path
    if not whole:
        return False
    place, last = earlier - 1, later - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = whole[0]
    for neighbour in whole[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            old, new = node(neighbour, old), node(neighbour, new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new = node(new, neighbour)
        place, last = place >> 1, last >> 1
    return last == 0 and old == root and new == later_root


# --- Checkpoints (C2SP tlog-checkpoint) and files ---------------------------------------------------------------------


class Wrong(Exception):
    """Something is not as it was given out."""


def wrong(text: str) -> NoReturn:
    raise Wrong(text)


class Checkpoint:
    """A signed note: whose trail, how many entries, the root, when."""

    def __init__(self, note: str, public: bytes) -> None:
        note = note.replace("\r\n", "\n").strip() + "\n"  # copied out of a message, perhaps
        text, mark, line = note.rpartition("\n— dentatool ")
        lines = text.splitlines()
        signed = base64.b64decode(line.strip(), validate=True)
        if not mark or len(lines) != 5:
            wrong("Das ist kein vollständiger Prüfpunkt.")
        if signed[:4] != hashlib.sha256(b"dentatool\n\x01" + public).digest()[:4]:
            wrong("Der Prüfpunkt ist mit einem fremden Schlüssel unterschrieben.")
        if not is_signed(public, text.encode(), signed[4:]):
            wrong("Die Unterschrift des Prüfpunkts ist gefälscht oder sein Inhalt geändert.")
        name, _, self.lab = lines[0].rpartition("/")
        if name != f"dentatool.trail/{hashlib.sha256(public).hexdigest()[:16]}":
            wrong("Der Prüfpunkt gehört zu einer anderen Installation.")
        self.size, self.root = int(lines[1]), base64.b64decode(lines[2], validate=True)
        self.at = datetime.fromisoformat(lines[3].removeprefix("zeit "))


def is_export(content: bytes) -> bool:
    return content[:2] == b"PK" or content.lstrip()[:300].find(b"dentatool-trail-export 1") >= 0


def lines_of(content: bytes) -> Any:
    if content[:2] == b"PK":
        archive = zipfile.ZipFile(io.BytesIO(content))
        return (line for line in archive.open(archive.namelist()[0]) if line.strip())
    return (line for line in io.BytesIO(content) if line.strip())


def check_export(content: bytes, public: bytes, earlier: str | None) -> list[str]:
    lines = lines_of(content)
    head = json.loads(next(lines, b"{}"))
    if head.get("form") != "dentatool-trail-export 1":
        wrong("Das ist keine versiegelte Ausgabe.")
    checkpoint, before = Checkpoint(head["checkpoint"], public), Checkpoint(earlier, public) if earlier else None
    if head["lab"] != checkpoint.lab or (before and before.lab != checkpoint.lab):
        wrong("Der Prüfpunkt gehört zu einem anderen Protokoll.")
    tree, texts = Tree(), 0
    for line in lines:
        told = json.loads(line)
        if told["seq"] != tree.size:
            wrong(f"Nr. {tree.size} fehlt.")
        texts += judge_text(told, f"Nr. {tree.size}: ")
        tree.grow(leaf_of(checkpoint.lab, told["id"], told["day"], told["content"], told["what"]))
        if before and tree.size == before.size and tree.root() != before.root:
            wrong(f"Bis Nr. {tree.size - 1} ist das Protokoll nicht das des früheren Prüfpunkts.")
    if tree.size != checkpoint.size:
        wrong(f"Nr. {tree.size} fehlt: Unterschrieben sind {checkpoint.size} Einträge.")
    if tree.root() != checkpoint.root:
        wrong("Die Siegel passen nicht zum unterschriebenen Prüfpunkt: Eines wurde geändert.")
    if before and before.size > tree.size:
        wrong(f"Nr. {tree.size} fehlt: Der frühere Prüfpunkt hat {before.size} Einträge.")
    return [
        f"Versiegelte Ausgabe mit {tree.size} Einträgen, {texts} davon mit Text: unverändert.",
        *told_of(checkpoint, before),
    ]


def judge_text(told: dict[str, Any], where: str = "") -> int:
    if told["text"] is None:
        return 0
    if hashlib.sha256(told["text"].encode()).hexdigest() != told["content"]:
        wrong(f"{where}Der Eintrag wurde geändert: Er passt nicht zu seiner Prüfsumme.")
    inside = json.loads(told["text"])
    # The platform's own events name what they are "event".
    if (inside["id"], inside["at"][:10], inside.get("what", inside.get("event"))) != (
        told["id"],
        told["day"],
        told["what"],
    ):
        wrong(f"{where}Angaben zum Eintrag wurden geändert.")
    return 1


def check_proof(told: dict[str, Any], public: bytes, kept: str | None) -> list[str]:
    if told["form"] != "dentatool-trail-proof 1":
        wrong("Das ist kein Nachweis.")
    checkpoint = Checkpoint(told["checkpoint"], public)
    if told["lab"] != checkpoint.lab:
        wrong("Der Prüfpunkt gehört zu einem anderen Protokoll.")
    said, entry, earlier = [], told.get("entry"), None
    if entry is None and "earlier" not in told:
        wrong("Die Datei enthält weder einen Eintrag noch einen früheren Prüfpunkt.")
    if entry is not None:
        judge_text(entry)
        leaf = leaf_of(checkpoint.lab, entry["id"], entry["day"], entry["content"], entry["what"])
        path = [bytes.fromhex(each) for each in told["path"]]
        if not is_included(leaf, entry["seq"], checkpoint.size, path, checkpoint.root):
            wrong("Der Eintrag war so nicht im Protokoll, das der Prüfpunkt unterschreibt.")
        said += [
            f"Nachweis: Eintrag Nr. {entry['seq']} vom {entry['day']} ({entry['what']}, {entry['id']}) stand so im Protokoll."
        ]
        said += [f"  {printable(entry['text'])}" if entry["text"] else "  Abgelaufen; nur die Prüfsumme ist übrig."]
    if "earlier" in told:
        earlier = Checkpoint(told["earlier"], public)
        between = [bytes.fromhex(each) for each in told["between"]]
        if earlier.lab != checkpoint.lab:
            wrong("Der frühere Prüfpunkt gehört zu einem anderen Protokoll.")
        if not is_continued(earlier.size, earlier.root, checkpoint.size, checkpoint.root, between):
            wrong("Das Protokoll setzt nicht fort, was der frühere Prüfpunkt sagt: Davor wurde etwas geändert.")
    return (
        said + told_of(checkpoint, earlier) + compared(checkpoint, earlier, Checkpoint(kept, public) if kept else None)
    )


def compared(checkpoint: Checkpoint, earlier: Checkpoint | None, kept: Checkpoint | None) -> list[str]:
    """What a checkpoint that was kept says about those in a proof."""
    if kept is None:
        return []
    if kept.lab != checkpoint.lab:
        wrong("Ihr Prüfpunkt gehört zu einem anderen Protokoll.")
    for each in (checkpoint, earlier):
        if each is not None and each.size == kept.size:
            if each.root != kept.root:
                wrong(f"Ihr Prüfpunkt sagt über dieselben {kept.size} Einträge etwas anderes.")
            return []
    return ["Ihr Prüfpunkt ist von demselben Schlüssel. Über die Zeit dazwischen sagt dieser Nachweis nichts."]


def told_of(checkpoint: Checkpoint, before: Checkpoint | None) -> list[str]:
    said = [
        f"Prüfpunkt vom {checkpoint.at:%d.%m.%Y %H:%M:%S} (UTC) mit {checkpoint.size} Einträgen, Labor {checkpoint.lab}."
    ]
    if before:
        said.append(
            f"Seit dem Prüfpunkt vom {before.at:%d.%m.%Y %H:%M:%S} (UTC) mit {before.size} Einträgen kam nur etwas hinzu."
        )
    return said


def printable(text: str) -> str:
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text)


# --- The command ------------------------------------------------------------------------------------------------------


def key_inside(content: bytes) -> bytes | None:
    """The key that the file itself names. A checkpoint names none."""
    if is_export(content):
        return bytes.fromhex(json.loads(next(lines_of(content)))["public_key"])
    try:
        return bytes.fromhex(json.loads(content)["public_key"])
    except ValueError:
        return None


def check(content: bytes, given: str | None, kept: str | None) -> tuple[list[str], bool]:
    """What was found, and whether it was compared with anything that was known before."""
    inside = key_inside(content)
    public = bytes.fromhex(given) if given else inside
    if public is None:
        wrong("Ein Prüfpunkt nennt keinen Schlüssel. Geben Sie ihn mit --key an.")
    if len(public) != 32:
        wrong("Der Schlüssel hat nicht 64 Zeichen.")
    if inside is not None and public != inside:
        wrong("Die Datei stammt von einer Installation mit einem anderen Schlüssel.")
    if is_export(content):
        said = check_export(content, public, kept)
    elif inside is not None:
        said = check_proof(json.loads(content), public, kept)
    else:
        said = told_of(Checkpoint(content.decode(), public), None)
    return said, bool(given or kept)  # an earlier checkpoint was signed by the same key, or it would have been told


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Versiegelte Protokolle von DentaTool prüfen, ohne DentaTool.")
    parser.add_argument("file", metavar="DATEI")
    parser.add_argument("--key", metavar="SCHLÜSSEL", help="öffentlicher Schlüssel des Betreibers (64 Zeichen)")
    parser.add_argument("--checkpoint", metavar="PRÜFPUNKT", help="früher heruntergeladener Prüfpunkt")
    options = parser.parse_args(arguments)
    try:
        with open(options.file, "rb") as file:
            content = file.read()
        kept = None
        if options.checkpoint:
            with open(options.checkpoint, encoding="utf-8") as file:
                kept = file.read()
        said, is_compared = check(content, options.key, kept)
    except Wrong as reason:
        print(f"FALSCH: {reason}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.filename}: lässt sich nicht öffnen.", file=sys.stderr)
        return 1
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, zipfile.BadZipFile, RecursionError):
        print("FALSCH: Die Datei (oder der Schlüssel) ist beschädigt oder keine von DentaTool.", file=sys.stderr)
        return 1
    for line in said:
        print(line)
    if is_compared:
        return 0
    print(
        "\nACHTUNG: Geprüft wurde nur mit dem Schlüssel, der in der Datei selbst steht. Wer sie gefälscht hat, hat auch ihn\n"
        "hineingeschrieben. Nennen Sie den Schlüssel Ihres Betreibers (--key) oder einen früher heruntergeladenen Prüfpunkt\n"
        "(--checkpoint)."
    )
    return 2


if __name__ == "__main__":
    sys.exit(main())
