// What was typed and not sent survives the end of the session: sealed on the server, offered again to the same person.
// Passwords, codes and files are never kept (the server refuses them as well).
import { csrfToken } from "./ask.js";

const NEVER = /passwor|kennwort|csrf|token|secret|otp|recovery|(^|[_-])(pin|code)$/i;
const KEEPALIVE_LIMIT = 60_000; // browsers send no more once the page is gone
const here = location.pathname + location.search;
const touched = new Set(); // forms with something in them that is nowhere else yet

const isKept = (form) =>
  form instanceof HTMLFormElement && form.method === "post" && !("notKept" in form.dataset) && form.closest("main");
const targetOf = (form) => {
  const target = new URL(form.getAttribute("action") ?? "", location.href);
  return target.pathname + target.search;
};
const named = (form, name) => [...form.elements].filter((each) => each.name === name);
const isBox = (control) => control.type === "checkbox" || control.type === "radio";

function note(event) {
  const form = event.target.form;
  if (isKept(form) && !NEVER.test(event.target.name) && event.target.type !== "password") touched.add(form);
}

function contentOf(form) {
  const fields = [];
  let leftOut = false;
  for (const [name, value] of new FormData(form)) {
    if (name === "csrfmiddlewaretoken" || name === "entwurf") continue;
    const isSecret = NEVER.test(name) || named(form, name).some((each) => each.type === "password");
    if (typeof value === "string" && !isSecret) fields.push([name, value]);
    else if (typeof value === "string" ? value : value.name) leftOut = true;
  }
  const label = document.querySelector("h1")?.textContent.trim() ?? "";
  return { action: targetOf(form), label, fields, left_out: leftOut };
}

// Sent with the form: when it has been stored, the server drops the draft.
function remember(form, id) {
  const hidden = named(form, "entwurf")[0] ?? Object.assign(document.createElement("input"), { type: "hidden", name: "entwurf" });
  hidden.value = id;
  form.append(hidden);
}

export async function save({ isLast = false } = {}) {
  const forms = [...touched].filter((form) => form.isConnected);
  if (!forms.length) return;
  const body = JSON.stringify({ page: here, forms: forms.map(contentOf) });
  for (const form of forms) touched.delete(form);
  const headers = { "Content-Type": "application/json", "X-CSRFToken": csrfToken() };
  try {
    const keepalive = isLast && body.length < KEEPALIVE_LIMIT;
    const answer = await fetch("/konto/entwuerfe/sichern/", { method: "POST", headers, body, keepalive });
    if (!answer.ok) throw new Error(`not kept: ${answer.status}`);
    if (answer.status === 200) (await answer.json()).drafts.forEach((id, place) => id && remember(forms[place], id));
  } catch {
    for (const form of forms) touched.add(form);
  }
}

function discard(id) {
  const body = new URLSearchParams({ verwerfen: id, csrfmiddlewaretoken: csrfToken() });
  return fetch("/konto/entwuerfe/", { method: "POST", body, redirect: "manual", keepalive: true }).catch(() => {});
}

function fill(form, fields) {
  const values = Map.groupBy ? Map.groupBy(fields, ([name]) => name) : grouped(fields);
  let isWhole = true;
  for (const control of form.elements) {
    if (isBox(control) && control.name) control.checked = (values.get(control.name) ?? []).some(([, value]) => value === control.value);
  }
  for (const [name, pairs] of values) {
    const controls = named(form, name).filter((each) => !isBox(each) && each.type !== "file");
    pairs.forEach(([, value], place) => {
      if (controls[place]) controls[place].value = value;
      else if (!named(form, name).some(isBox)) isWhole = false;
    });
  }
  return isWhole;
}

function grouped(fields) {
  const values = new Map();
  for (const pair of fields) values.set(pair[0], [...(values.get(pair[0]) ?? []), pair]);
  return values;
}

function restore(form, draft) {
  fill(form, draft.fields);
  for (const control of form.elements) {
    for (const kind of ["input", "change"]) control.dispatchEvent(new Event(kind, { bubbles: true }));
  }
  const isWhole = fill(form, draft.fields); // some fields empty others when they change
  remember(form, draft.id);
  touched.add(form);
  [...form.elements].find((each) => each.type !== "hidden" && !each.disabled)?.focus();
  return isWhole && draft.is_complete;
}

function offer(form, draft) {
  const box = document.createElement("section");
  box.className = "message message-info draft-offer";
  box.setAttribute("aria-label", "Aufgehobene Eingaben");
  const words = document.createElement("p");
  words.textContent = `Hier sind noch Ihre Eingaben von ${draft.since}, die nicht gespeichert wurden.`;
  const take = button("Wiederherstellen", "button button-small button-primary");
  const drop = button("Verwerfen", "button button-small");
  take.addEventListener("click", () => {
    const isWhole = restore(form, draft);
    if (isWhole) { box.remove(); return; }
    words.textContent = "Ihre Eingaben sind wieder da, bis auf Passwörter, Dateien und was es hier nicht mehr gibt. Bitte prüfen Sie das Formular.";
    take.remove();
    drop.remove();
  });
  drop.addEventListener("click", () => { discard(draft.id); box.remove(); });
  box.append(words, take, drop);
  document.querySelector("main .page-head")?.after(box);
}

function button(text, classes) {
  const made = document.createElement("button");
  Object.assign(made, { type: "button", className: classes, textContent: text });
  return made;
}

async function offerWhatIsHere() {
  const forms = [...document.querySelectorAll("main form")].filter(isKept);
  if (!forms.length) return;
  const answer = await fetch(`/konto/entwuerfe/hier/?seite=${encodeURIComponent(here)}`);
  if (!answer.ok) return;
  for (const draft of (await answer.json()).drafts) {
    const form = forms.find((each) => targetOf(each) === draft.action);
    if (form) offer(form, draft);
  }
}

export function keepDrafts() {
  for (const kind of ["input", "change"]) document.addEventListener(kind, note);
  document.addEventListener("submit", (event) => { if (!event.defaultPrevented) touched.delete(event.target); });
  // „Abbrechen“ is meant: nothing is kept, and nothing offered again.
  document.addEventListener("click", (event) => {
    const form = event.target.closest?.(".form-actions a")?.closest("form");
    if (!form) return;
    touched.delete(form);
    const draft = named(form, "entwurf")[0]?.value;
    if (draft) discard(draft);
  });
  addEventListener("beforeunload", () => { save({ isLast: true }); });
  document.addEventListener("visibilitychange", () => { if (document.hidden) save({ isLast: true }); });
  if (document.body.dataset.hasDrafts) offerWhatIsHere();
}
