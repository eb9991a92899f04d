// The YAML editor: CodeMirror over the form's own textarea; the server says what is wrong, as you type.
import { autocompletion } from "@codemirror/autocomplete";
import { indentWithTab } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { HighlightStyle, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { linter, lintGutter } from "@codemirror/lint";
import { EditorView, keymap } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { basicSetup } from "codemirror";
import { look } from "./editor-look.js";
import { showFindings } from "./findings.js";
import { completion } from "./yaml-completion.js";

const colours = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--accent)" },
  { tag: [tags.string, tags.content], color: "var(--ink)" },
  { tag: [tags.number, tags.bool, tags.null, tags.keyword], color: "var(--retry-ink)" },
  { tag: tags.comment, color: "var(--muted)", fontStyle: "italic" },
  { tag: [tags.punctuation, tags.separator, tags.bracket], color: "var(--muted)" },
  { tag: tags.invalid, color: "var(--bad-ink)" },
]);

export function mount(host) {
  const area = host.querySelector("textarea");
  const endpoints = JSON.parse(host.dataset.endpoints);
  const verdict = document.getElementById(host.dataset.verdict);

  async function check(view) {
    const token = document.querySelector('meta[name="csrf-token"]').content;
    let found;
    try {
      const answer = await fetch(host.dataset.validate, {
        method: "POST",
        headers: { "Content-Type": "text/plain; charset=utf-8", "X-CSRF-Token": token },
        body: view.state.doc.toString(),
      });
      if (!answer.ok) throw new Error(String(answer.status));
      found = await answer.json();
    } catch {
      verdict.textContent = "Not checked: the gateway does not answer";
      verdict.className = "tone-unknown tone-text";
      return [];
    }
    verdict.textContent = found.summary;
    verdict.className = found.valid ? "tone-ok tone-text" : "tone-bad tone-text";
    showFindings(document.getElementById(host.dataset.findings), found.diagnostics);
    if (found.graph) document.getElementById(host.dataset.graphInto).dataset.graph = JSON.stringify(found.graph);
    return found.diagnostics.map((item) => underline(view.state.doc, item));
  }

  const view = new EditorView({
    doc: area.value,
    parent: host,
    extensions: [
      basicSetup,
      EditorView.cspNonce.of(document.querySelector("script[nonce]")?.nonce ?? ""),
      EditorView.contentAttributes.of({ "aria-label": area.getAttribute("aria-label"), spellcheck: "false", tabindex: "0" }),
      EditorView.updateListener.of((update) => update.docChanged && (area.value = update.state.doc.toString())),
      EditorView.theme(look),
      syntaxHighlighting(colours),
      indentUnit.of("  "),
      keymap.of([indentWithTab]),
      yaml(),
      lintGutter(),
      linter(check, { delay: 350 }),
      autocompletion({ override: [completion(host.dataset.schema, endpoints)] }),
    ],
  });
  area.hidden = true;
  area.required = false;
  document.getElementById(host.dataset.findings).addEventListener("click", (event) => {
    const { line, column } = event.target.closest("button")?.dataset ?? {};
    if (!line) return;
    const at = view.state.doc.line(Math.min(Number(line), view.state.doc.lines));
    view.dispatch({ selection: { anchor: Math.min(at.from + Number(column) - 1, at.to) }, scrollIntoView: true });
    view.focus();
  });
}

function underline(doc, { line, column, message, hint, severity }) {
  const at = doc.line(Math.min(Math.max(line, 1), doc.lines));
  const from = Math.min(at.from + Math.max(column, 1) - 1, at.to);
  const word = /^[^\s,:{}[\]]+/.exec(at.text.slice(from - at.from));
  return { from, to: Math.min(from + (word ? word[0].length : 1), at.to), severity, message: hint ? `${message} ${hint}` : message };
}
