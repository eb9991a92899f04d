// The list of findings under the editor: line, message, the way out; pressing one goes there.
import { picture } from "./pictures.js";

function span(text, name = "") {
  return Object.assign(document.createElement("span"), { textContent: text, className: name });
}

export function showFindings(list, diagnostics) {
  const items = diagnostics.map((item) => {
    const entry = document.createElement("li");
    const button = Object.assign(document.createElement("button"), { type: "button" });
    button.className = item.severity === "error" ? "tone-bad" : "tone-retry";
    button.dataset.line = item.line;
    button.dataset.column = item.column;
    button.innerHTML = picture(item.severity === "error" ? "state-bad" : "state-retry");
    button.append(span(`${item.line}:${item.column}`, "at"), span(item.message));
    if (item.hint) button.append(span(item.hint, "hint"));
    if (item.path) button.append(span(item.path, "path mono"));
    entry.append(button);
    return entry;
  });
  if (!items.length) {
    items.push(Object.assign(document.createElement("li"), { className: "card-body text-muted", textContent: "Nothing to complain about." }));
  }
  list.replaceChildren(...items);
}
