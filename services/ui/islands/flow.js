// Mounts the graph: takes its data from the list behind it, and follows that list as live updates change it.
import "@xyflow/svelte/dist/style.css";
import "../styles/flow-vendor.css";
import "./FlowGraph.svelte";
import { heightFor, layOut } from "./layout.js";

export function mount(host) {
  const source = () => document.getElementById(host.dataset.source);
  const drawing = document.createElement("ft-flow");
  const draw = () => {
    const text = source()?.dataset.graph;
    const graph = text ? JSON.parse(text) : null;
    const some = Boolean(graph?.nodes.length);
    host.hidden = !some;
    source()?.toggleAttribute("hidden", some);
    if (!some) return;
    host.style.height = `${heightFor(layOut(graph))}px`;
    drawing.graph = graph;
  };
  host.append(drawing);
  draw();
  // Morphing keeps the list's element and changes its attribute; the editor sets the attribute itself.
  new MutationObserver((changes) => changes.some((change) => change.target === source()) && draw()).observe(source().parentElement, {
    attributes: true,
    subtree: true,
    attributeFilter: ["data-graph", "hidden"],
  });
  host.addEventListener("flowtower:pick", (event) => pick(host, event.detail));
}

/** Shows the picked component in the panel beside the graph, without leaving; without a panel it is a link. */
function pick(host, node) {
  const panel = document.getElementById(host.dataset.panel ?? "");
  if (!panel) {
    window.location.assign(node.url);
    return;
  }
  history.replaceState(null, "", node.url + location.hash);
  for (const id of ["panel", "flow-live"]) {
    document.getElementById(id)?.dispatchEvent(new CustomEvent("flowtower:reload", { bubbles: true }));
  }
}
