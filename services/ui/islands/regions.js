// Blocks that move: each is fetched again as a fragment and morphed in place, so that nothing jumps.
import { Idiomorph } from "idiomorph/dist/idiomorph.esm.js";
import { signedOut } from "./signed-out.js";

const fresh = (element) => element.dispatchEvent(new CustomEvent("flowtower:fresh", { bubbles: true }));

// What belongs to the reader or to an island stays: open details, chosen tabs, mounted islands.
const morphing = {
  morphStyle: "outerHTML",
  ignoreActiveValue: true,
  callbacks: {
    beforeNodeMorphed(old, next) {
      if (!(old instanceof Element)) return true;
      if (old.dataset.island === "log-viewer") {
        old.dispatchEvent(new CustomEvent("flowtower:lines", { detail: next }));
        return false;
      }
      return !("keep" in old.dataset);
    },
    beforeAttributeUpdated(name, element) {
      return !((name === "hidden" && element.getAttribute("role") === "tabpanel") || (name === "open" && element.localName === "details"));
    },
  },
};

const keyed = (root) => new Map([...root.querySelectorAll("[data-key]")].map((row) => [row.dataset.key, row]));
const inUse = (element) => element.matches(":hover") || (element.contains(document.activeElement) && document.activeElement !== element);

/** Rows keep their places while the pointer is over them; what came or went waits behind a chip. */
function updateRows(element, next) {
  const before = keyed(element);
  const after = keyed(next);
  for (const [key, row] of after) {
    const old = before.get(key);
    if (old) Idiomorph.morph(old, row.cloneNode(true), morphing);
  }
  for (const name of ["data-stale", "data-stale-at"]) {
    if (next.hasAttribute(name)) element.setAttribute(name, next.getAttribute(name));
    else element.removeAttribute(name);
  }
  const came = [...after.keys()].filter((key) => !before.has(key)).length;
  const went = [...before.keys()].filter((key) => !after.has(key)).length;
  const order = [...after.keys()].filter((key) => before.has(key)).join() !== [...before.keys()].filter((key) => after.has(key)).join();
  element.querySelector(":scope > .new-chip")?.remove();
  if (!came && !went && !order) return fresh(element);
  const chip = document.createElement("div");
  chip.className = "new-chip";
  const button = Object.assign(document.createElement("button"), { type: "button" });
  button.textContent = came ? `${came} new` : went ? `${went} gone` : "New order";
  button.addEventListener("click", () => replace(element, next));
  chip.append(button);
  element.prepend(chip);
  fresh(element);
}

function replace(element, next) {
  element.querySelector(":scope > .new-chip")?.remove();
  Idiomorph.morph(element, next, morphing);
  fresh(document.getElementById(next.id) ?? document.body);
}

/** Fetches one block of this page and puts it in place. Throws when the gateway does not give it. */
export async function refresh(element, { whole = false } = {}) {
  const address = new URL(location.href);
  address.hash = "";
  const asked = address.searchParams.toString();
  address.searchParams.set("part", element.dataset.part);
  const answer = await fetch(address, { headers: { "HX-Request": "true" }, cache: "no-store" });
  if (answer.status === 401 || answer.redirected) return signedOut();
  if (!answer.ok) throw new Error(`${answer.status} for ${address.pathname}`);
  const holder = document.createElement("template");
  holder.innerHTML = await answer.text();
  const next = holder.content.getElementById(element.id);
  const now = document.getElementById(element.id);
  if (!next || !now) return;
  // The reader has chosen something else meanwhile, and this is no answer to it.
  if (new URL(location.href).searchParams.toString() !== asked) return refresh(now, { whole });
  now.removeAttribute("aria-busy");
  if (!whole && "list" in now.dataset && now.querySelector("[data-key]") && inUse(now)) updateRows(now, next);
  else replace(now, next);
}
