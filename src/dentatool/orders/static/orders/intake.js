// Intake by keyboard: the scan field first, practice and patient found while typing. Everything also works without this.
import { ask } from "../kit/js/ask.js";
import { normalise, problemOf } from "./order_number.js";

const form = document.querySelector("[data-intake]");
const field = (name) => form.elements.namedItem(name);
const number = field("order_number");
const practice = field("practice");
const dentist = field("dentist");
const say = (selector, text, tone = "") => {
  const place = form.querySelector(selector);
  place.textContent = text;
  place.classList.toggle("is-good", tone === "good");
  place.classList.toggle("is-bad", tone === "bad");
};

// --- order number ---
let known = null;

function judge() {
  const value = normalise(number.value);
  if (!value) { say("[data-verdict]", ""); return ""; }
  const problem = problemOf(value);
  say("[data-verdict]", problem || `${value} ist gültig.`, problem ? "bad" : "good");
  return problem ? "" : value;
}

async function askServer() {
  const value = judge();
  if (number.value) number.value = normalise(number.value);
  if (!value || known?.number === value) return;
  const answer = await ask(`${form.dataset.numberUrl}?nummer=${encodeURIComponent(value)}`);
  if (!answer.ok) return;
  known = await answer.json();
  if (known.problems.length) { say("[data-verdict]", known.problems.join(" "), "bad"); return; }
  if (known.twin) say("[data-verdict]", `${value} ist gültig, steht aber schon am Auftrag ${known.twin.number}.`, "bad");
  if (known.practice && !practice.value) practice.value = known.practice.label;
  if (known.patient) choose(known.patient);
  else if (!field("pseudonym").value) field("pseudonym").value = known.pseudonym;
  practiceChanged();
}

number.addEventListener("input", judge);
number.addEventListener("change", askServer);
// A scanner ends with Enter: go on to the next field instead of sending a half-filled form.
number.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  askServer().finally(() => (practice.value ? field("patient_name") : practice).focus());
});

// --- practice and dentist ---
const practices = [...document.querySelectorAll("#praxen option")];
const practiceOf = new Map([...document.querySelectorAll("[data-dentists] option")].map((each) => [each.value, each.dataset.practice]));
const dentists = [...dentist.options].filter((each) => each.value);

function chosenPractice() {
  const typed = practice.value.trim().toLowerCase();
  return practices.find((each) => each.value.toLowerCase() === typed || each.value.toLowerCase().startsWith(`${typed} · `));
}

function practiceChanged() {
  const chosen = typed() ? chosenPractice() : undefined;
  for (const each of dentists) each.hidden = each.disabled = Boolean(chosen) && practiceOf.get(each.value) !== chosen.dataset.id;
  if (dentist.selectedOptions[0]?.disabled) dentist.value = "";
  const other = chosen && known?.practice && known.practice.id !== chosen.dataset.id;
  say("[data-practice-verdict]", other ? `Die Standortnummer ${known.location} gehört bisher zur Praxis ${known.practice.label}.` : "");
  const noNames = chosen?.dataset.noNames !== undefined;
  field("patient_name").disabled = noNames;
  if (noNames) field("patient_name").value = "";
  say("[data-patient-verdict]", noNames ? "Diese Praxis möchte keine Namen: bitte nur die Patientennummer." : "");
}

function typed() { return practice.value.trim(); }
practice.addEventListener("input", practiceChanged);
practice.addEventListener("change", practiceChanged);

// --- patient ---
const name = field("patient_name");
const list = form.querySelector("[data-suggestions]");
let found = [];
let at = -1;
let asking;
name.setAttribute("role", "combobox");
name.setAttribute("aria-controls", list.id);
name.setAttribute("aria-expanded", "false");
name.setAttribute("aria-autocomplete", "list");

function choose(patient) {
  name.value = patient.name;
  field("pseudonym").value = patient.pseudonym;
  field("birth_date").value = patient.birth;
  field("insurance").value = patient.insurance;
  field("patient").value = patient.id;
  say("[data-patient-verdict]", "Bekannter Patient.", "good");
  if (!typed()) { practice.value = patient.practice; practiceChanged(); }
  close();
}

function close() {
  list.hidden = true;
  at = -1;
  name.setAttribute("aria-expanded", "false");
  name.removeAttribute("aria-activedescendant");
}

function show() {
  list.replaceChildren(...found.map((patient, place) => {
    const item = document.createElement("li");
    item.id = `patient-${place}`;
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", String(place === at));
    const facts = document.createElement("span");
    facts.textContent = [patient.pseudonym, patient.birth, patient.practice].filter(Boolean).join(" · ");
    item.append(patient.name || "ohne Namen", " ", facts);
    item.addEventListener("mousedown", (event) => { event.preventDefault(); choose(patient); });
    return item;
  }));
  list.hidden = !found.length;
  name.setAttribute("aria-expanded", String(Boolean(found.length)));
  if (at >= 0) name.setAttribute("aria-activedescendant", `patient-${at}`);
}

async function search() {
  const text = name.value.trim();
  if (text.length < 2) { found = []; close(); return; }
  const body = new URLSearchParams({ suche: text, praxis: chosenPractice()?.dataset.id ?? "" });
  const headers = { "X-CSRFToken": field("csrfmiddlewaretoken").value };
  const answer = await ask(form.dataset.patientUrl, { method: "POST", body, headers });
  if (!answer.ok || text !== name.value.trim()) return;
  found = (await answer.json()).patients;
  at = -1;
  show();
}

name.addEventListener("input", () => {
  field("patient").value = "";
  say("[data-patient-verdict]", "");
  clearTimeout(asking);
  asking = setTimeout(search, 150);
});
name.addEventListener("blur", close);
name.addEventListener("keydown", (event) => {
  if (list.hidden) return;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    at = (at + (event.key === "ArrowDown" ? 1 : -1) + found.length) % found.length;
    show();
  } else if (event.key === "Enter" && at >= 0 && !event.ctrlKey) { event.preventDefault(); choose(found[at]); }
  else if (event.key === "Escape") { event.stopPropagation(); close(); }
});

// --- dates: work written down afterwards came by its day of delivery (the server does the same) ---
const due = field("due_on");
const received = field("received_on");
const proposed = received.value;
const dayOf = (text) => { const part = /^(\d{1,2})\.(\d{1,2})\.(\d{4})$/.exec(text.trim()); return part ? new Date(+part[3], part[2] - 1, +part[1]).getTime() : NaN; };
due.addEventListener("change", () => {
  if (received.value !== proposed || !(dayOf(due.value) < dayOf(proposed))) return;
  received.value = due.value.trim();
  say("[data-dates-verdict]", "Der Liefertermin ist schon vorbei; als Eingang ist derselbe Tag eingetragen.");
});

// Enter in a single-line field goes on instead of sending by accident; Strg+Enter and the button send.
form.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.ctrlKey || event.metaKey || event.defaultPrevented) return;
  if (!event.target.matches("input:not([type=checkbox])")) return;
  event.preventDefault();
  const order = [...form.querySelectorAll("input:not([type=hidden], [type=radio]), select, textarea, button.button-primary")].filter((each) => !each.disabled && each.offsetParent);
  order[order.indexOf(event.target) + 1]?.focus();
});

if (!form.querySelector("[data-error-summary]")) number.focus();
judge();
practiceChanged();
