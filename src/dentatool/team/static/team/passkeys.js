// Passkeys: asks the browser, puts its answer into the form and sends that. The server alone judges.
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (sign) => sign.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const described = (list = []) => list.map((each) => ({ ...each, id: bytes(each.id) }));

const FAILED = "Der Passkey wurde nicht benutzt. Versuchen Sie es noch einmal oder nehmen Sie ein anderes Verfahren.";
const FRESH_MS = 8 * 60_000; // the server takes a challenge for ten minutes
let waiting; // the browser offers passkeys in the name field until somebody asks for one by the button

async function prove(options, more = {}) {
  const made = await navigator.credentials.get({
    publicKey: { ...options, challenge: bytes(options.challenge), allowCredentials: described(options.allowCredentials) }, ...more,
  });
  const { clientDataJSON, authenticatorData, signature, userHandle } = made.response;
  return {
    id: made.id, rawId: text(made.rawId), type: made.type, clientExtensionResults: {},
    response: {
      clientDataJSON: text(clientDataJSON), authenticatorData: text(authenticatorData), signature: text(signature),
      userHandle: userHandle?.byteLength ? text(userHandle) : null,
    },
  };
}

async function create(options) {
  const made = await navigator.credentials.create({
    publicKey: {
      ...options, challenge: bytes(options.challenge), user: { ...options.user, id: bytes(options.user.id) },
      excludeCredentials: described(options.excludeCredentials),
    },
  });
  const { clientDataJSON, attestationObject } = made.response;
  return {
    id: made.id, rawId: text(made.rawId), type: made.type, clientExtensionResults: {},
    response: { clientDataJSON: text(clientDataJSON), attestationObject: text(attestationObject) },
  };
}

function send(form, note, answer) {
  form.elements.note.value = note;
  form.elements.answer.value = JSON.stringify(answer);
  form.requestSubmit();
}

function tell(form, words) {
  const place = form.querySelector("[data-passkey-says]");
  place.textContent = words;
  place.hidden = false;
}

async function offered(form) {
  if (form.dataset.offer) return JSON.parse(form.dataset.offer);
  return (await fetch(form.action, { headers: { Accept: "application/json" }, credentials: "same-origin" })).json();
}

async function ask(form) {
  waiting?.abort();
  try {
    const { options, note } = await offered(form);
    send(form, note, await (form.dataset.passkey === "create" ? create(options) : prove(options)));
  } catch (reason) {
    tell(form, reason.name === "InvalidStateError" ? "Auf diesem Gerät ist schon ein Passkey für dieses Konto." : FAILED);
  }
}

async function offerInNameField(form) {
  if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
  for (;;) {
    waiting = new AbortController();
    const { signal } = waiting;
    const renew = setTimeout(() => waiting.abort("renew"), FRESH_MS);
    try {
      const { options, note } = await offered(form);
      return send(form, note, await prove(options, { mediation: "conditional", signal }));
    } catch {
      if (signal.reason !== "renew") return;
    } finally {
      clearTimeout(renew);
    }
  }
}

const form = document.querySelector("form[data-passkey]");
if (form && !window.PublicKeyCredential) tell(form, "Dieser Browser kennt keine Passkeys.");
else if (form) {
  form.querySelector("[data-passkey-ask]").addEventListener("click", () => { if (form.reportValidity()) ask(form); });
  if (form.dataset.passkey === "enter") offerInNameField(form);
}
