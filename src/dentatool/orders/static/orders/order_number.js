// The order number as values/order_number.py reads it, for instant answers. The server is the judge.
const SEPARATORS = /[\s\u00a0\u00ad\u202f\u200b_/ßẞ?\u2010-\u2015\u2212\ufe58\ufe63\uff0d\u00af.-]+/g;
const PARTS = [
  [/^[0-9]{6}$/, "Die Standortnummer muss aus genau 6 Ziffern bestehen"],
  [/^[A-Za-z0-9]+$/, "Das Patientenpseudonym darf nur Ziffern und Buchstaben ohne Umlaute enthalten"],
  [/^(ZE|KB|KFO)$/, "Der Bereich muss ZE, KB oder KFO sein"],
  [/^[A-Za-z0-9]+$/, "Die Planidentifikation darf nur Ziffern und Buchstaben ohne Umlaute enthalten"],
  [/^[0-9]+$/, "Die laufende Nummer darf nur Ziffern enthalten"],
  [/^[0-9]$/, "Die Prüfziffer muss genau eine Ziffer sein"],
];

export function normalise(text) {
  const parts = text.trim().replace(SEPARATORS, "-").replace(/^-+|-+$/g, "").split("-");
  if (parts.length > 2 && /^(ze|kb|kfo)$/i.test(parts[2])) parts[2] = parts[2].toUpperCase();
  return parts.join("-");
}

export function checkDigit(text) {
  let total = 0;
  for (const [place, character] of [...text].entries()) {
    let value = 0;
    if (/[0-9]/.test(character)) value = Number(character);
    else if (/[a-z]/i.test(character)) value = character.toLowerCase().charCodeAt(0) % 10;
    const weighted = value * (place % 2 === 0 ? 2 : 1);
    total += weighted > 9 ? weighted - 9 : weighted;
  }
  return total % 10;
}

/** The German reason why the number is wrong; empty when it is right. */
export function problemOf(number) {
  if (number.length > 50) return "Die Auftragsnummer ist zu lang: Höchstens 50 Zeichen sind erlaubt.";
  const parts = number.split("-");
  if (parts.length !== PARTS.length) return `Die Auftragsnummer hat ${parts.length} statt 6 Teile: Standort-Pseudonym-Bereich-Plan-Nummer-Prüfziffer.`;
  for (const [place, [pattern, reason]] of PARTS.entries()) {
    if (!pattern.test(parts[place])) return `${reason}, nicht „${parts[place]}“.`;
  }
  const expected = checkDigit(number.slice(0, -1));
  return Number(parts[5]) === expected ? "" : `Prüfziffer falsch (erwartet ${expected}). Bitte die Nummer noch einmal vergleichen.`;
}
