import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import tailwindcss from "@tailwindcss/vite";
import { defineConfig } from "vite";

const here = import.meta.dirname;

/** Writes dist/icons.json: our names (icons.json) → the inner SVG of Lucide's picture, for the templates to inline. */
function icons() {
  return {
    name: "flowtower-icons",
    generateBundle() {
      const names = JSON.parse(readFileSync(resolve(here, "icons.json"), "utf8"));
      const pictures = Object.fromEntries(
        Object.entries(names).map(([name, lucide]) => {
          const svg = readFileSync(resolve(here, `node_modules/lucide-static/icons/${lucide}.svg`), "utf8");
          const inner = svg.replace(/^[\s\S]*?<svg[\s\S]*?>/, "").replace(/<\/svg>\s*$/, "");
          return [name, inner.replace(/\s*\n\s*/g, "").trim()];
        }),
      );
      this.emitFile({ type: "asset", fileName: "icons.json", source: JSON.stringify(pictures) });
    },
  };
}

export default defineConfig({
  root: here,
  base: "/static/",
  publicDir: "public",
  plugins: [
    tailwindcss(),
    svelte({
      // Only the flow graph is a custom element; the components of Svelte Flow stay ordinary ones.
      dynamicCompileOptions: ({ filename }) =>
        filename.endsWith("FlowGraph.svelte") ? { customElement: true } : undefined,
    }),
    icons(),
  ],
  build: {
    outDir: "dist",
    emptyOutDir: true,
    manifest: true,
    target: "es2022",
    cssTarget: ["chrome123", "firefox121", "safari17.5"],
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rollupOptions: { input: { main: "islands/main.js" } },
  },
});
