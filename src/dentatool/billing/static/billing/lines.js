// A draft's lines: amounts while typing, one more row, and no lost edits. The server sums again and is the judge.
const form = document.querySelector("[data-lines]");
const money = new Intl.NumberFormat("de-DE", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

// "1.234,5" → whole units of 1/scale, as BigInt; null for what the server would refuse.
function whole(text, scale, digits) {
  const found = /^([-+−–]?)(\d{1,3}(?:\.\d{3})+|\d*)(?:,(\d*))?$/.exec(text.replace(/[\s€]/g, ""));
  if (!found || (!found[2] && !found[3]) || (found[3] ?? "").length > digits) return null;
  const number = BigInt(found[2].replaceAll(".", "") || "0") * scale + BigInt((found[3] ?? "").padEnd(digits, "0") || "0");
  return "-−–".includes(found[1]) && found[1] ? -number : number;
}

function amountOf(row) {
  const value = (name) => row.querySelector(`[name$="-${name}"]`).value;
  const art = value("art");
  if (art === "TEXT" || !value("price_cents").trim()) return "";
  const price = whole(value("price_cents"), 100n, 2);
  const quantity = value("quantity_milli").trim() ? whole(value("quantity_milli"), 1000n, 3) : 1000n;
  if (price === null || quantity === null) return "?";
  const product = price * quantity;
  const size = (2n * (product < 0n ? -product : product) + 1000n) / 2000n;
  const cents = (product < 0n) !== (art === "RBT") ? -size : size;
  return money.format(Number(cents) / 100).replace("-", "−");
}

function show(row) {
  row.querySelector("[data-amount]").textContent = amountOf(row);
}

function addRow() {
  const rows = form.querySelectorAll("[data-line]");
  const last = rows[rows.length - 1];
  const place = rows.length + 1;
  const next = last.cloneNode(true);
  for (const control of next.querySelectorAll("[name]")) {
    control.name = control.name.replace(/^z\d+-/, `z${place}-`);
    control.id = control.id.replace(/_z\d+-/, `_z${place}-`);
    control.setAttribute("aria-label", control.getAttribute("aria-label").replace(/^Zeile \d+/, `Zeile ${place}`));
    if (control.type === "checkbox") control.checked = false;
    else if (control.tagName === "INPUT") control.value = "";
  }
  next.classList.remove("row-wrong");
  last.after(next);
  form.elements.zeilen.value = place;
  show(next);
  next.querySelector("select").focus();
}

if (form) {
  for (const row of form.querySelectorAll("[data-line]")) show(row);
  form.addEventListener("input", (event) => { const row = event.target.closest("[data-line]"); if (row) show(row); });
  form.querySelector("[data-add-line]")?.addEventListener("click", addRow);

  let isDirty = false;
  form.addEventListener("change", () => { isDirty = true; });
  document.addEventListener("submit", (event) => { if (event.target === form) isDirty = false; });
  addEventListener("beforeunload", (event) => { if (isDirty) event.preventDefault(); });
}
