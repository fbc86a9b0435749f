// The session ends when nobody works (TOM section 2). Typing is work too, so it keeps the session alive; before the end
// there is a warning that can be answered (WCAG 2.2.1), and afterwards no patient stays on an unattended screen.
const SHARED = "dentatool.contact"; // other tabs of the same person count
const WARN_MS = 60_000;
const CONTACT_MS = 60_000;
const limit = Number(document.body.dataset.idleMinutes) * 60_000;
const dialog = document.getElementById("sitzung");

let lastContact = Date.now();
const shared = () => Math.max(lastContact, Number(localStorage.getItem(SHARED)) || 0);

function noteContact() {
  lastContact = Date.now();
  localStorage.setItem(SHARED, String(lastContact));
}

function contact() {
  noteContact();
  // Any answer will do: the Gate renews the idle time before it looks at the address.
  fetch("/", { method: "HEAD", redirect: "manual", credentials: "same-origin" }).catch(() => {});
}

function onWork() {
  if (!dialog.open && Date.now() - lastContact > CONTACT_MS) contact();
}

function look() {
  const idle = Date.now() - shared();
  if (idle >= limit) location.assign(`/anmelden/?weiter=${encodeURIComponent(location.pathname)}`);
  else if (idle >= limit - WARN_MS && !dialog.open) dialog.showModal();
  else if (idle < limit - WARN_MS && dialog.open) dialog.close();
}

if (limit && dialog) {
  noteContact();
  for (const kind of ["keydown", "pointerdown", "input"]) document.addEventListener(kind, onWork, { passive: true });
  dialog.addEventListener("close", () => { if (dialog.returnValue === "bleiben") contact(); });
  dialog.addEventListener("cancel", () => { dialog.returnValue = "bleiben"; });
  setInterval(look, 5_000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
}
