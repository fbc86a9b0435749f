// Ticking rows of the worklist: X on a row, Shift and click for a range, all of the page. The form also works without.
const form = document.getElementById("auswahl");
const boxes = [...document.querySelectorAll("input.pick")];
const all = form?.querySelector("[data-pick-all]");
const count = form?.querySelector("[data-pick-count]");
let last = null;

function tell() {
  const picked = boxes.filter((box) => box.checked).length;
  count.textContent = picked ? `${picked} ausgewählt` : "";
  all.checked = picked === boxes.length;
  all.indeterminate = picked > 0 && picked < boxes.length;
}

for (const box of boxes) {
  box.addEventListener("click", (event) => {
    if (event.shiftKey && last) {
      const [from, to] = [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b);
      for (const each of boxes.slice(from, to + 1)) each.checked = box.checked;
    }
    last = box;
    tell();
  });
}
all?.addEventListener("change", () => { for (const box of boxes) box.checked = all.checked; tell(); });

document.addEventListener("keydown", (event) => {
  if (event.key !== "x" || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (localStorage.getItem("dentatool.keys") === "off") return;
  const box = document.activeElement?.closest("tr")?.querySelector("input.pick");
  if (!box || document.activeElement === box) return;
  event.preventDefault();
  box.checked = !box.checked;
  last = box;
  tell();
});
if (form) tell();
