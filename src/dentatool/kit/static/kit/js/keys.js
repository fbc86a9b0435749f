// Keys for people who work with them all day. Single keys can be switched off (WCAG 2.1.4).
const STORED = "dentatool.keys";

const areOn = () => localStorage.getItem(STORED) !== "off";
const isTyping = (element) =>
  element.isContentEditable || /^(TEXTAREA|SELECT)$/.test(element.tagName) ||
  (element.tagName === "INPUT" && !/^(checkbox|radio|button|submit)$/.test(element.type));

const actions = {
  n: () => { const address = document.body.dataset.newOrder; if (address) location.assign(address); return Boolean(address); },
  "/": () => focusSearch(),
  "?": () => openDialog("tasten"),
  e: () => follow('main .page-actions a[href$="/bearbeiten/"]'),
  w: () => focusOn("main .page-actions .button-primary"),
};
// After G: where to go. What is not in the rail is not allowed.
const places = { u: "/", a: "/auftraege/", p: "/praxen/", r: "/rechnungen/" };
let going = 0;

const go = (key) => key in places && follow(`.rail a[href="${places[key]}"]`);

function follow(selector) {
  const link = document.querySelector(selector);
  link?.click();
  return Boolean(link);
}

function focusOn(selector) {
  const control = document.querySelector(selector);
  control?.focus();
  return Boolean(control);
}

function focusSearch() {
  const field = document.querySelector("main [data-search]") ?? document.querySelector("[data-search]");
  field?.focus();
  field?.select();
  return Boolean(field);
}

function openDialog(id) {
  const dialog = document.getElementById(id);
  if (!(dialog instanceof HTMLDialogElement)) return false;
  if (!dialog.open) dialog.showModal();
  return true;
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || !areOn()) return;
  if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
  const isGoing = Date.now() - going < 1500;
  going = event.key === "g" ? Date.now() : 0;
  if (isGoing ? go(event.key) : actions[event.key]?.()) event.preventDefault();
});

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog-open]");
  if (opener) {
    opener.closest("details")?.removeAttribute("open");
    openDialog(opener.dataset.dialogOpen);
  }
  // A click on the veil closes; the dialog element itself is only hit outside its content box.
  if (event.target instanceof HTMLDialogElement && outside(event.target, event)) event.target.close();
});

function outside(dialog, event) {
  const box = dialog.getBoundingClientRect();
  return event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom;
}

for (const box of document.querySelectorAll("[data-keys-switch]")) {
  box.checked = areOn();
  box.addEventListener("change", () => localStorage.setItem(STORED, box.checked ? "on" : "off"));
}
