// J and K walk through the rows of the table; Enter opens, because the focus is on the row's link.
const links = () => [...document.querySelectorAll("main .row-link")].filter((link) => link.offsetParent);
const step = { j: 1, k: -1 };

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || !(event.key in step)) return;
  if (localStorage.getItem("dentatool.keys") === "off" || document.querySelector("dialog[open]")) return;
  if (event.target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]")) return;
  const all = links();
  if (!all.length) return;
  const here = all.indexOf(document.activeElement);
  const next = here < 0 ? all[0] : all[Math.min(all.length - 1, Math.max(0, here + step[event.key]))];
  next.focus();
  next.closest("tr")?.scrollIntoView({ block: "nearest" });
  event.preventDefault();
});
