// Completion of keys, kinds, values and names in a workflow's YAML, from the published schema.
import { placeAt } from "./yaml-place.js";

export function completion(address, endpoints) {
  let schema = null;
  fetch(address)
    .then((answer) => (answer.ok ? answer.json() : null))
    .then((found) => (schema = found))
    .catch(() => {}); // Without the schema nothing is offered; what is typed is checked all the same.
  return (context) => {
    const text = context.state.doc.toString();
    const place = schema && placeAt(text, context.pos);
    if (!place || (!place.word && !context.explicit && !/[{,\s]$/.test(text.slice(0, context.pos)))) return null;
    if (!place.word && !context.explicit && !place.key) return null;
    const offered = offers(schema, place, text, endpoints);
    return offered.length ? { from: context.pos - place.word.length, options: offered, validFor: /^[\w.-]*$/ } : null;
  };
}

export function offers(schema, place, text, endpoints) {
  const around = at(schema, place.path, place.beside);
  if (place.key === null) return keysOf(around, place.beside, place.word);
  if (place.key === "endpoint") return names(endpoints);
  if (place.key === "from" || place.key === "to" || place.key === "compensates") return names(componentsOf(text));
  const below = (branch) => branch.properties?.[place.key] ?? (typeof branch.additionalProperties === "object" && branch.additionalProperties);
  return around.flatMap((branch) => valuesOf(schema, below(branch))).filter(once());
}

const once = (seen = new Set()) => (option) => !seen.has(option.label) && seen.add(option.label);
const names = (list) => list.map((label) => ({ label, type: "constant" }));

function keysOf(branches, beside, word) {
  const there = new Set([...beside.matchAll(/(?:^|[,{\n])\s*(?:- +)*([\w.-]+)\s*:/g)].map((found) => found[1]));
  return branches
    .flatMap((branch) =>
      Object.entries(branch.properties ?? {})
        .filter(([key]) => key === word || !there.has(key))
        .map(([key, of]) => ({
          label: key,
          type: "property",
          apply: `${key}: `,
          detail: branch.required?.includes(key) ? "needed" : "",
          info: of.description || undefined,
          boost: branch.required?.includes(key) ? 1 : 0,
        })),
    )
    .filter(once());
}

function valuesOf(schema, of) {
  if (!of) return [];
  const whole = resolve(schema, of);
  const single = (value, info) => ({ label: String(value), type: "constant", info: info || undefined });
  if ("const" in whole) return [single(whole.const, whole.description)];
  const found = (whole.enum ?? whole.examples ?? []).map((value) => single(value));
  if (whole.type === "boolean") found.push(single(true), single(false));
  for (const branch of [...(whole.anyOf ?? []), ...(whole.oneOf ?? []), ...(whole.allOf ?? [])]) found.push(...valuesOf(schema, branch));
  return found;
}

// The schemas that may hold at a path: all branches that what is written there already does not rule out.
function at(schema, path, beside) {
  let found = branches(schema, schema, path.length ? "" : beside);
  for (const [nr, key] of path.entries()) {
    const last = nr === path.length - 1;
    found = found
      .map((branch) => (key === "[]" ? branch.items : (branch.properties?.[key] ?? (branch.additionalProperties || null))))
      .filter((below) => below && typeof below === "object")
      .flatMap((below) => branches(schema, below, last ? beside : ""));
  }
  return found;
}

function branches(schema, of, beside) {
  const whole = resolve(schema, of);
  const choices = whole.oneOf?.some((branch) => resolve(schema, branch).properties) ? whole.oneOf : (whole.anyOf ?? null);
  if (!choices) return [whole];
  const all = choices.map((branch) => resolve(schema, branch)).filter((branch) => branch.properties || branch.items);
  const fitting = all.filter((branch) =>
    ["kind", "strategy"].every((key) => {
      const said = new RegExp(`(?:^|[,{\\s])${key}:\\s*([\\w-]+)`).exec(beside)?.[1];
      return !said || !branch.properties?.[key] || branch.properties[key].const === said;
    }),
  );
  return fitting.length ? fitting : all;
}

function resolve(schema, of) {
  return of.$ref ? { ...schema.definitions[of.$ref.split("/").pop()], ...of } : of;
}

function componentsOf(text) {
  const block = /^components:\s*\n((?:[ #].*\n|\n)*)/m.exec(`${text}\n`)?.[1] ?? "";
  const indent = /^( +)[\w"']/m.exec(block)?.[1] ?? "  ";
  return [...block.matchAll(new RegExp(`^${indent}["']?([\\w.-]+)["']?\\s*:`, "gm"))].map((found) => found[1]);
}
