// Forms: focus goes to what is wrong, Strg+Enter sends, nothing is sent twice.
const summary = document.querySelector("[data-error-summary]");
summary?.focus();
// A page that only asks something begins in its first field.
if (!summary) document.querySelector("form[data-focus-first] :is(input:not([type=hidden]), select, textarea):enabled")?.focus();

summary?.addEventListener("click", (event) => {
  const field = document.getElementById(event.target.closest("a")?.hash.slice(1) ?? "");
  if (!field) return;
  event.preventDefault();
  const control = field.matches("input, select, textarea, button") ? field : field.querySelector("input, select, textarea") ?? field;
  (control.closest(".field") ?? control).scrollIntoView({ block: "center" });
  control.focus({ preventScroll: true });
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  const form = event.target.closest("form");
  if (!form) return;
  event.preventDefault();
  form.requestSubmit(form.querySelector("button.button-primary:not([type=button])") ?? undefined);
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "yes";
  event.submitter?.classList.add("is-busy");
});

// Back button: the page returns as it was left, and its form may be sent again.
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  for (const button of document.querySelectorAll(".is-busy")) button.classList.remove("is-busy");
});
