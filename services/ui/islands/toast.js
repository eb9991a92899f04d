// What was done, said in a corner for a few seconds and to screen readers.
const tones = new Set(["ok", "run", "retry", "bad", "unknown"]);

export function say(text, tone = "ok") {
  let corner = document.getElementById("toasts");
  if (!corner) {
    corner = Object.assign(document.createElement("div"), { id: "toasts", className: "toasts" });
    corner.setAttribute("role", "status");
    document.body.append(corner);
  }
  const toast = document.createElement("div");
  toast.className = `toast tone-${tones.has(tone) ? tone : "run"}`;
  toast.append(Object.assign(document.createElement("span"), { className: "dot" }), text);
  corner.append(toast);
  setTimeout(() => toast.remove(), tone === "bad" ? 12000 : 6000);
}
