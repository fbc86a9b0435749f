// A new line: type the number, see text and price. The server fills in the same when this does not run.
import { ask } from "../kit/js/ask.js";

const form = document.querySelector("[data-position-form]");

if (form) {
  const field = (name) => form.elements.namedItem(name);
  const number = field("number");
  let filled = {};

  // What was filled in for one number gives way to the next; what a person typed stays.
  const put = (name, value) => {
    const target = field(name);
    if (target.value && target.value !== filled[name]) return;
    target.value = filled[name] = value ?? "";
  };

  number.addEventListener("change", async () => {
    const typed = number.value.trim();
    if (!typed) { filled = {}; return; }
    const answer = await ask(`${form.dataset.suggest}?nummer=${encodeURIComponent(typed)}`);
    if (!answer.ok) return;
    const found = await answer.json();
    put("text", found.text);
    put("price_cents", found.price);
    number.setAttribute("aria-invalid", String(!found.art));
  });

  if (location.hash === "#id_number") addEventListener("load", () => setTimeout(() => number.focus(), 0));
}
