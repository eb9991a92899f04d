// Small islands, each a function of its element.
import { say } from "./toast.js";

/** The switch between light and dark; the choice is kept, and until there is one the system decides. */
export function theme(button) {
  button.addEventListener("click", () => {
    const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    try {
      localStorage.setItem("theme", next);
    } catch {
      // Storage may be forbidden; the choice then lasts as long as the page.
    }
  });
}

/** The sidebar on a narrow screen. */
export function menu(button) {
  const sidebar = document.getElementById(button.getAttribute("aria-controls"));
  const set = (open) => {
    sidebar.toggleAttribute("data-open", open);
    button.setAttribute("aria-expanded", String(open));
    if (open) sidebar.querySelector("a[aria-current], a")?.focus();
  };
  button.addEventListener("click", () => set(!sidebar.hasAttribute("data-open")));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !sidebar.hasAttribute("data-open")) return;
    set(false);
    button.focus();
  });
  document.addEventListener("click", (event) => {
    if (!sidebar.contains(event.target) && !button.contains(event.target)) set(false);
  });
}

/** A form is sent once, and Ctrl/⌘ S sends it. While its preview is not yet that of what was chosen, it is not sent. */
export function form(element) {
  element.addEventListener("submit", (event) => {
    if (!element.querySelector('[aria-busy="true"]')) return element.classList.add("busy");
    event.preventDefault();
    say("The preview is not yet that of your choice. Press again when it has changed.", "retry");
  });
  window.addEventListener("pageshow", () => element.classList.remove("busy"));
  element.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") {
      event.preventDefault();
      element.requestSubmit();
    }
  });
}

/** Takes the focus when it shows up, e.g. the problems of a form. */
export function focus(element) {
  element.focus();
}

/** Filters apply as they are typed or chosen; the address follows, so that a reload or a link shows the same. */
export function filters(element) {
  const apply = () => {
    const words = new URLSearchParams([...new FormData(element)].filter(([, value]) => value));
    history.replaceState(null, "", words.size ? `?${words}` : location.pathname);
    const target = document.getElementById(element.dataset.target);
    target?.setAttribute("aria-busy", "true"); // until what is fetched now is in its place
    target?.dispatchEvent(new CustomEvent("flowtower:reload"));
  };
  let waiting;
  element.addEventListener("input", (event) => {
    clearTimeout(waiting);
    if (event.target.matches("select, [type=radio], [type=checkbox]")) apply();
    else waiting = setTimeout(apply, 250);
  });
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(waiting);
    apply();
  });
}

/** A link whose page stands in a dialog here too: it opens that; without a script the link leads to the page. */
export function opens(link) {
  const dialog = document.getElementById(link.dataset.target);
  if (!dialog) return;
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    dialog.showModal();
    dialog.querySelector("form :is(input:not([type=hidden]), select, textarea, button)")?.focus();
  });
  dialog.addEventListener("click", (event) => {
    const box = dialog.getBoundingClientRect();
    const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    if ((event.target === dialog && !inside) || event.target.closest("[data-closes]")) dialog.close();
  });
  dialog.addEventListener("close", () => link.focus());
}

/** Copies a text, and says so. */
export function copy(button) {
  button.addEventListener("click", async () => {
    const text = button.dataset.text ?? document.getElementById(button.dataset.target).textContent;
    try {
      await navigator.clipboard.writeText(text);
      say("Copied.");
    } catch {
      say("The browser does not allow copying here. Select the text instead.", "retry");
    }
  });
}

/** Shows a card on the whole screen. */
export function fullscreen(button) {
  const card = document.getElementById(button.dataset.target);
  button.addEventListener("click", () => (document.fullscreenElement ? document.exitFullscreen() : card.requestFullscreen?.()));
}

/** Tabs: arrow keys move, the panels are those that aria-controls names; the choice stands in the address. */
export function tabs(list) {
  const all = [...list.querySelectorAll('[role="tab"]')];
  const show = (chosen) => {
    for (const tab of all) {
      const on = tab === chosen;
      tab.setAttribute("aria-selected", String(on));
      tab.tabIndex = on ? 0 : -1;
      document.getElementById(tab.getAttribute("aria-controls")).hidden = !on;
    }
  };
  list.addEventListener("click", (event) => {
    const tab = event.target.closest('[role="tab"]');
    if (!tab) return;
    show(tab);
    history.replaceState(null, "", `#${tab.getAttribute("aria-controls")}`);
  });
  list.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const next = all[(all.indexOf(document.activeElement) + by + all.length) % all.length];
    show(next);
    next.focus();
  });
  show(all.find((tab) => `#${tab.getAttribute("aria-controls")}` === location.hash) ?? all[0]);
}
