// Says of a new password what the server thinks of it, while it is typed. Without this script it says so when sending.
const field = document.querySelector("[data-strength]");
const place = document.querySelector("[data-strength-says]");
const WORDS = ["sehr leicht zu erraten", "leicht zu erraten", "noch zu leicht zu erraten", "gut", "sehr gut"];
let timer;

async function judge() {
  const sent = new URLSearchParams({ new: field.value, csrfmiddlewaretoken: field.form.elements.csrfmiddlewaretoken.value });
  const answer = await fetch(place.dataset.address, { method: "POST", body: sent, credentials: "same-origin" });
  if (!answer.ok || !field.value) return;
  const { score, reason } = await answer.json();
  place.hidden = false;
  place.querySelector("meter").value = score;
  place.querySelector("span").textContent = reason || `Dieses Passwort ist ${WORDS[score]}.`;
}

if (place?.dataset.address) {
  field.addEventListener("input", () => {
    clearTimeout(timer);
    if (!field.value) place.hidden = true;
    else timer = setTimeout(judge, 400);
  });
}
for (const button of document.querySelectorAll("[data-show-password]")) {
  const typed = button.form.querySelector("[autocomplete=new-password]");
  button.addEventListener("click", () => {
    const shown = typed.type === "password";
    typed.type = shown ? "text" : "password";
    button.textContent = shown ? "Verbergen" : "Zeigen";
    button.setAttribute("aria-pressed", String(shown));
    typed.focus();
  });
}
