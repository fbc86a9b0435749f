// The session ends when nobody works (TOM section 2) and after twelve hours in any case. Two minutes before there is a
// warning that can be answered in any tab (WCAG 2.2.1); afterwards no patient stays on an unattended screen, and what
// was typed is kept. What counts is the server's clock; this only shows what the server will do.
import { ask, csrfToken } from "./ask.js";
import { keepDrafts, save } from "./drafts.js";

const WARN_MS = 120_000;
const CONTACT_MS = 20_000; // typing is told to the server at most this often
const EARLY_MS = 5_000; // the page ends before the server does, so that what was typed still arrives
const OTHERS_MS = 1_000; // for other tabs to keep what was typed there
const { idleMinutes, endsAt } = document.body.dataset;
const limit = Number(idleMinutes) * 60_000;
const dialog = document.getElementById("sitzung");
const tabs = new BroadcastChannel("dentatool.session");
const back = location.pathname + location.search;
const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });

let lastContact = Date.now();
let lastAt = Number(endsAt) * 1000; // by this computer's clock; set right by sync()
let isAsking = false;
let isLeaving = false;

const idleLeft = () => lastContact + limit - Date.now();
const left = () => Math.min(idleLeft(), lastAt - Date.now());
const reason = () => (lastAt - Date.now() < idleLeft() ? "absolute" : "idle");

function contact() {
  lastContact = Date.now();
  tabs.postMessage({ kind: "contact", at: lastContact });
  ask("/sitzung/weiter/", { method: "POST", headers: { "X-CSRFToken": csrfToken() } }).catch(() => {});
}

function onWork() {
  if (!dialog.open && Date.now() - lastContact > CONTACT_MS) contact();
}

// True when the server knows better: somebody worked in a tab that could not tell us.
async function sync() {
  try {
    const answer = await ask("/sitzung/");
    if (!answer.ok) return false;
    const { idle_s, absolute_s } = await answer.json();
    lastContact = Date.now() + idle_s * 1000 - limit;
    lastAt = Date.now() + absolute_s * 1000;
  } catch { return false; }
  return true;
}

async function look() {
  if (isAsking || isLeaving) return;
  if (left() > WARN_MS) { if (dialog.open) dialog.close("still"); return; }
  if (!dialog.open || left() <= EARLY_MS) {
    const isOver = left() <= EARLY_MS;
    isAsking = true;
    document.body.classList.toggle("is-covered", isOver);
    await sync();
    isAsking = false;
    if (left() <= EARLY_MS) { leave(reason()); return; }
    document.body.classList.remove("is-covered");
    if (left() > WARN_MS) return;
    save();
  }
  warn();
}

function warn() {
  const seconds = Math.max(0, Math.ceil((left() - EARLY_MS) / 1000));
  const isFinal = reason() === "absolute";
  for (const part of dialog.querySelectorAll("[data-ends]")) part.hidden = (part.dataset.ends === "absolute") !== isFinal;
  dialog.querySelector("[data-countdown]").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  if (dialog.open) return;
  dialog.returnValue = "";
  dialog.showModal();
}

async function leave(why, { isFirst = true } = {}) {
  if (isLeaving) return;
  isLeaving = true;
  const body = new URLSearchParams({ grund: why, csrfmiddlewaretoken: csrfToken() });
  document.body.classList.add("is-covered");
  if (isFirst) tabs.postMessage({ kind: "end", why });
  await save();
  // Nothing of a person stays: not on the screen, not in the document, not behind the back button.
  document.title = "DentaTool";
  document.body.replaceChildren();
  await pause(OTHERS_MS);
  // Each tab says so itself: who came to the sign-in before the session is over would be let in again.
  await fetch("/sitzung/ende/", { method: "POST", body }).catch(() => {});
  location.replace(`/anmelden/?weiter=${encodeURIComponent(back)}`);
}

// The session is over already: ended elsewhere, or the computer was asleep.
async function goTo(target) {
  if (isLeaving) return;
  isLeaving = true;
  await save();
  location.assign(target || `/anmelden/?weiter=${encodeURIComponent(back)}`);
}

if (limit && dialog) {
  tabs.postMessage({ kind: "contact", at: lastContact });
  tabs.addEventListener("message", ({ data }) => {
    if (data.kind === "contact") lastContact = Math.max(lastContact, data.at);
    else if (data.kind === "end") leave(data.why, { isFirst: false });
    look();
  });
  for (const kind of ["keydown", "pointerdown", "input"]) document.addEventListener(kind, onWork, { passive: true });
  // Escape means „weiterarbeiten“ too; at the very end only a new sign-in helps.
  dialog.addEventListener("close", () => {
    if (dialog.returnValue === "still") return;
    if (reason() === "absolute") leave("absolute");
    else contact();
  });
  document.addEventListener("dentatool:signed-out", (event) => goTo(event.detail));
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    if (event.detail.xhr.status !== 401) return;
    event.preventDefault();
    goTo(event.detail.xhr.getResponseHeader("HX-Redirect"));
  });
  setInterval(look, 1_000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
  addEventListener("pageshow", (event) => { if (event.persisted) sync().then(look); });
  keepDrafts();
}
