// Where the nodes of a graph stand: dagre lays them out from left to right.
import dagre from "@dagrejs/dagre";

const WIDTH = 222;
const HEIGHT = { head: 54, foot: 34 };

const tall = (node) => HEIGHT.head + (node.left || node.right ? HEIGHT.foot : 0);

/** Nodes and edges for Svelte Flow, and a text that differs only when the shape of the graph does. */
export function layOut(graph) {
  const plan = new dagre.graphlib.Graph();
  plan.setGraph({ rankdir: "LR", nodesep: 32, ranksep: 88, marginx: 16, marginy: 16 });
  plan.setDefaultEdgeLabel(() => ({}));
  for (const node of graph.nodes) plan.setNode(node.id, { width: WIDTH, height: tall(node) });
  for (const edge of graph.edges) plan.setEdge(edge.source, edge.target);
  dagre.layout(plan);
  const nodes = graph.nodes.map((node) => {
    const at = plan.node(node.id);
    const words = [node.kind, node.id, node.endpoint, node.state?.word, node.left, node.right].filter(Boolean).join(", ");
    return {
      id: node.id,
      type: "component",
      position: { x: at.x - WIDTH / 2, y: at.y - tall(node) / 2 },
      data: { ...node, chosen: node.id === graph.selected },
      width: WIDTH,
      height: tall(node),
      ariaLabel: words,
      draggable: false,
    };
  });
  const edges = graph.edges.map((edge) => {
    const tone = edge.state?.tone ?? "plain";
    return {
      id: edge.id,
      source: edge.source,
      target: edge.target,
      label: edge.label || undefined,
      class: `tone-${tone}`,
      animated: tone === "run",
    };
  });
  const { width = 0, height = 0 } = plan.graph();
  const shape = graph.nodes.map((node) => node.id).join() + "|" + graph.edges.map((edge) => `${edge.source}>${edge.target}`).join();
  const chosen = nodes.find((node) => node.data.chosen);
  return { nodes, edges, width, height, shape, chosen };
}

/** The whole graph where it fits at a readable size; else from its left, or around the chosen node. */
export function viewportFor({ width, height, chosen }, boxWidth, boxHeight) {
  const fits = Math.min(boxWidth / width, boxHeight / height, 1);
  const readable = boxWidth < 560 ? 0.85 : 0.72;
  const zoom = fits >= 0.58 ? fits : readable;
  let x = (boxWidth - width * zoom) / 2;
  let y = (boxHeight - height * zoom) / 2;
  if (x < 0) {
    const aim = chosen ? boxWidth / 2 - (chosen.position.x + WIDTH / 2) * zoom : 0;
    x = Math.min(0, Math.max(boxWidth - width * zoom, aim));
  }
  if (y < 0) y = 0;
  return { x, y, zoom };
}

/** The height of the card's canvas, in px: what the graph needs, within bounds. */
export const heightFor = ({ height }) => Math.round(Math.min(Math.max(height + 72, 200), 440));
