// Asks the server from a script. When the session is over, the page is told and takes care of what was typed.
export async function ask(address, options) {
  const answer = await fetch(address, options);
  if (answer.status === 401) {
    document.dispatchEvent(new CustomEvent("dentatool:signed-out", { detail: answer.headers.get("HX-Redirect") }));
  }
  return answer;
}

// The token that every form of the page carries; it lies in no cookie that a script could read.
export const csrfToken = () => document.querySelector("input[name=csrfmiddlewaretoken]")?.value ?? "";
