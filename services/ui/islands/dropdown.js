// The person's menu: Flowbite places and toggles it; Escape and the arrow keys, which it leaves out, are added here.
import { Dropdown } from "flowbite";

export function mount(button) {
  const menu = document.getElementById(button.dataset.menu);
  const dropdown = new Dropdown(menu, button, {
    placement: "bottom-end",
    offsetDistance: 8,
    onShow: () => button.setAttribute("aria-expanded", "true"),
    onHide: () => button.setAttribute("aria-expanded", "false"),
  });
  const items = () => [...menu.querySelectorAll('[role="menuitem"]')];
  button.addEventListener("click", (event) => event.preventDefault());
  document.addEventListener("keydown", (event) => {
    if (!dropdown.isVisible()) return;
    if (event.key === "Escape") {
      dropdown.hide();
      button.focus();
    }
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const at = items().indexOf(document.activeElement);
    items().at((at + by) % items().length).focus();
  });
}
