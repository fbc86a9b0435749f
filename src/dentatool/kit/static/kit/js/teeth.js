// The tooth chart: a click or the space bar marks, arrows walk, and the typed line always says the same.
// The line is the form field; reading it is the server's business, so what this script cannot read it leaves alone.
const ROWS = [
  [18, 17, 16, 15, 14, 13, 12, 11, 21, 22, 23, 24, 25, 26, 27, 28],
  [48, 47, 46, 45, 44, 43, 42, 41, 31, 32, 33, 34, 35, 36, 37, 38],
  [55, 54, 53, 52, 51, 61, 62, 63, 64, 65],
  [85, 84, 83, 82, 81, 71, 72, 73, 74, 75],
];
const ORDER = new Map(ROWS.flat().map((tooth, place) => [tooth, place]));

function setUp(root) {
  const line = root.querySelector("[data-teeth-text]");
  const teeth = [...root.querySelectorAll("[data-tooth]")];
  const byNumber = new Map(teeth.map((tooth) => [Number(tooth.dataset.tooth), tooth]));
  const choices = [...root.querySelectorAll("[data-teeth-part]")];
  const labels = new Map(choices.map((choice) => [choice.value, choice.nextElementSibling.textContent]));
  const marks = marksOf(labels);
  let marked = read(line.value, labels) ?? new Map();

  const chosen = () => choices.find((choice) => choice.checked)?.value ?? "";

  function toggle(tooth) {
    const number = Number(tooth.dataset.tooth);
    if (marked.has(number) && marked.get(number) === chosen()) marked.delete(number);
    else marked.set(number, chosen());
    write();
  }

  function write() {
    line.value = [...marked].sort(([a], [b]) => ORDER.get(a) - ORDER.get(b)).map(([tooth, part]) => (part ? `${tooth}:${part}` : `${tooth}`)).join(" ");
    show();
    line.dispatchEvent(new Event("change", { bubbles: true }));
  }

  function show() {
    for (const [number, tooth] of byNumber) {
      const part = marked.get(number);
      const words = part === undefined ? "" : `: ${labels.get(part) ?? "markiert"}`;
      tooth.classList.toggle("is-marked", part !== undefined);
      tooth.dataset.part = part === undefined ? "" : part || "-";
      tooth.setAttribute("aria-checked", String(part !== undefined));
      tooth.setAttribute("aria-label", tooth.dataset.name.split(": ")[0] + words);
      tooth.querySelector(".tooth-mark").textContent = marks.get(part) ?? "";
    }
    if ([...marked.keys()].some((tooth) => tooth > 50)) showMilk(true);
  }

  function showMilk(wanted) {
    root.querySelector(".tooth-chart").classList.toggle("has-milk", wanted);
    root.querySelector("[data-teeth-milk]").setAttribute("aria-pressed", String(wanted));
  }

  function focusOn(tooth) {
    for (const other of teeth) other.setAttribute("tabindex", "-1");
    tooth.setAttribute("tabindex", "0");
    tooth.focus();
  }

  teeth[0]?.setAttribute("tabindex", "0");
  root.addEventListener("click", (event) => {
    const tooth = event.target.closest("[data-tooth]");
    if (tooth) { toggle(tooth); focusOn(tooth); }
    if (event.target.closest("[data-teeth-clear]")) { marked.clear(); write(); }
    if (event.target.closest("[data-teeth-milk]")) showMilk(!root.querySelector(".has-milk"));
  });
  root.addEventListener("keydown", (event) => {
    const tooth = event.target.closest("[data-tooth]");
    if (!tooth) return;
    const next = byNumber.get(neighbour(Number(tooth.dataset.tooth), event.key, Boolean(root.querySelector(".has-milk"))));
    if (event.key === " " || event.key === "Enter" && !event.ctrlKey && !event.metaKey) { toggle(tooth); event.preventDefault(); }
    else if (next) { focusOn(next); event.preventDefault(); }
  });
  line.addEventListener("input", () => {
    const typed = read(line.value, labels);
    if (typed) { marked = typed; show(); }
  });
}

function neighbour(number, key, hasMilk) {
  const row = ROWS.findIndex((teeth) => teeth.includes(number));
  const place = ROWS[row].indexOf(number);
  const last = ROWS[row].length - 1;
  if (key === "ArrowLeft") return ROWS[row][place - 1];
  if (key === "ArrowRight") return ROWS[row][place + 1];
  if (key === "Home") return ROWS[row][0];
  if (key === "End") return ROWS[row][last];
  if (key !== "ArrowUp" && key !== "ArrowDown") return undefined;
  const rows = hasMilk ? [0, 1, 2, 3] : [0, 1]; // from top to bottom as drawn
  const target = ROWS[rows[rows.indexOf(row) + (key === "ArrowDown" ? 1 : -1)]];
  return target?.[Math.round((place / last) * (target.length - 1))];
}

// The same grammar as kit/teeth.py: "14, 15-17:glied". Returns null while an entry is not complete.
function read(text, labels) {
  const marked = new Map();
  const plain = text.replace(/[,;/]/g, " ").replace(/[\u2010-\u2014\u2212]/g, "-").replace(/=/g, ":").replace(/\s*([-:])\s*/g, "$1");
  for (const item of plain.split(/\s+/).filter(Boolean)) {
    const found = /^(\d\d)(?:-(\d\d))?(?::(\S*))?$/.exec(item);
    const row = found && ROWS.find((teeth) => teeth.includes(Number(found[1])));
    if (!row) return null;
    const ends = [row.indexOf(Number(found[1])), row.indexOf(Number(found[2] ?? found[1]))].sort((a, b) => a - b);
    const part = partOf(found[3] ?? "", labels);
    if (ends[0] < 0 || part === null) return null;
    for (const tooth of row.slice(ends[0], ends[1] + 1)) marked.set(tooth, part);
  }
  return marked;
}

function partOf(typed, labels) {
  const word = typed.toLowerCase();
  if (!word || labels.has(word)) return word;
  const found = [...labels].filter(([part, label]) => part.startsWith(word) || label.toLowerCase().startsWith(word));
  return found.length === 1 ? found[0][0] : null;
}

function marksOf(labels) {
  const marks = new Map();
  for (const [part, label] of labels) {
    const short = label[0].toUpperCase();
    const used = [...marks.values()].includes(short);
    marks.set(part, used ? short + label[1].toLowerCase() : short);
  }
  return marks;
}

for (const root of document.querySelectorAll("[data-teeth]")) setUp(root);
