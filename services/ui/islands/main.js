// The entry of every page: styles, HTMX, and the islands that mount on data-island.
import "../styles/main.css";
import htmx from "htmx.org/dist/htmx.esm.js";
import { refreshTimes, startTicking } from "./ages.js";
import { confirmForms } from "./confirm.js";
import * as controls from "./controls.js";
import { startKeys } from "./keys.js";
import { signedOut } from "./signed-out.js";
import { say } from "./toast.js";

window.htmx = htmx;

const islands = {
  ...controls,
  live: () => import("./live.js"),
  flow: () => import("./flow.js"),
  "yaml-editor": () => import("./yaml-editor.js"),
  "log-viewer": () => import("./log-viewer.js"),
  dropdown: () => import("./dropdown.js"),
};
const mounted = new WeakSet();

async function mountOne(element) {
  const island = islands[element.dataset.island];
  if (!island) return console.error(`No island is named "${element.dataset.island}".`);
  // A small island is a function that takes the element; a large one is loaded when the first of its kind is there.
  const module = island.length === 0 ? await island() : { mount: island };
  module.mount(element);
}

export function mountIslands(root = document) {
  for (const element of root.querySelectorAll("[data-island]")) {
    if (mounted.has(element)) continue;
    mounted.add(element);
    mountOne(element);
  }
  refreshTimes(root);
}

document.addEventListener("flowtower:fresh", (event) => {
  htmx.process(event.target);
  mountIslands(event.target);
});
document.addEventListener("htmx:afterSettle", (event) => mountIslands(event.detail.elt));
// The gateway answers an action that stays on the page with this event: what was done, in words.
document.addEventListener("flowtower:said", (event) => say(event.detail.text, event.detail.tone));
// A form that is not taken comes back as it was typed, with what is wrong at each field.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr } = event.detail;
  if (![412, 422].includes(xhr.status) || !xhr.getResponseHeader("content-type")?.startsWith("text/html")) return;
  event.detail.shouldSwap = true;
  event.detail.isError = false;
});
document.addEventListener("htmx:responseError", (event) => {
  const { status } = event.detail.xhr;
  if (status === 401) return signedOut();
  say(status === 403 ? "Refused: sign in again, then repeat it." : `The gateway answered ${status}. Nothing is known to have changed.`, "bad");
});
// What is asked for shows that it is under way at the place where its answer will stand.
const place = ({ elt, target }) => (target && target !== elt ? target : null);
document.addEventListener("htmx:beforeRequest", (event) => place(event.detail)?.setAttribute("aria-busy", "true"));
document.addEventListener("htmx:afterRequest", (event) => place(event.detail)?.removeAttribute("aria-busy"));
// A form that stays on its page and is answered stands for a new wish from then on (the field "once").
document.addEventListener("htmx:afterRequest", (event) => {
  const key = event.detail.elt.querySelector?.('input[name="once"]');
  if (key && event.detail.successful) key.value = `${key.value.split(".")[0]}.${Date.now()}`;
});
document.addEventListener("htmx:sendError", () => say("The gateway cannot be reached. Nothing was changed; try again.", "bad"));

confirmForms(document);
startKeys(document);
startTicking();
mountIslands();
