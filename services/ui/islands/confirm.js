// What is dangerous asks once, in words, and names the thing.
export function confirmForms(root) {
  root.addEventListener("htmx:confirm", (event) => {
    const form = event.target.closest?.("form[data-confirm]");
    if (!form || event.target !== form) return;
    event.preventDefault();
    ask(form, () => event.detail.issueRequest(true));
  });
}

function ask(form, go) {
  const dialog = document.getElementById("ask");
  const yes = dialog.querySelector('[data-answer="yes"]');
  const reason = dialog.querySelector("#ask-reason");
  const asksWhy = form.hasAttribute("data-confirm-reason");
  const danger = form.hasAttribute("data-confirm-danger");
  dialog.querySelector("#ask-title").textContent = form.dataset.confirm;
  dialog.querySelector("#ask-more").textContent = form.dataset.confirmMore ?? "";
  yes.textContent = form.dataset.confirmLabel;
  yes.className = danger ? "btn danger solid" : "btn primary";
  reason.hidden = !asksWhy;
  reason.querySelector("input").value = "";
  const answer = (event) => {
    const choice = event.target.closest("[data-answer]")?.dataset.answer;
    if (choice) dialog.close(choice);
  };
  const enter = (event) => {
    if (event.key !== "Enter" || event.target.localName !== "input") return;
    event.preventDefault();
    dialog.close("yes");
  };
  dialog.returnValue = "";
  dialog.addEventListener("keydown", enter);
  dialog.addEventListener("click", answer);
  dialog.addEventListener("close", () => {
    dialog.removeEventListener("click", answer);
    dialog.removeEventListener("keydown", enter);
    if (dialog.returnValue !== "yes") return;
    if (asksWhy) form.elements.reason.value = reason.querySelector("input").value;
    go();
  }, { once: true });
  dialog.showModal();
  dialog.querySelector('[data-answer="no"]').focus();
}
