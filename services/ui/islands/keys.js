// The keyboard all through: Ctrl/⌘ K or / to find, j and k from row to row, ? tells them.
import { say } from "./toast.js";

const typing = (target) => target.closest?.("input, textarea, select, [contenteditable], .cm-editor");

function step(by) {
  const rows = [...document.querySelectorAll("main [data-key]")].filter((row) => row.offsetParent);
  if (!rows.length) return;
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const row = rows[Math.min(rows.length - 1, Math.max(0, at + by))];
  (row.matches("a, button") ? row : (row.querySelector(".main-cell a, .what a") ?? row.querySelector("a, button")))?.focus();
}

export function startKeys(root) {
  root.addEventListener("keydown", (event) => {
    const finder = root.querySelector(".finder input");
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k" && finder) {
      event.preventDefault();
      finder.focus();
      finder.select();
      return;
    }
    if (event.key === "Escape" && event.target === finder) finder.blur();
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || root.querySelector("dialog[open]")) return;
    if (event.key === "/" && finder) {
      event.preventDefault();
      finder.focus();
    } else if (event.key === "j" || event.key === "k") {
      event.preventDefault();
      step(event.key === "j" ? 1 : -1);
    } else if (event.key === "?") {
      say("Keys: Ctrl K or / finds · j and k go from row to row · Enter opens · Esc closes.", "run");
    }
  });
}
