// Where in a workflow's YAML the cursor stands: the keys that lead there, what stands beside it, key or value. By lines and
// indentation, because a text that somebody is typing is seldom whole YAML.

const bare = (text) => text.replace(/(^|\s)#.*$/, "");
const indentOf = (text) => /^\s*(?:- +)*/.exec(text)[0].length;
const keyOf = (text) => /^\s*(?:- +)*(["']?)([\w.-]+)\1\s*:/.exec(text)?.[2];

/** Returns {path, beside, key, word}: path of keys ("[]" = an item of a list), text of the mapping around, key whose value is typed. */
export function placeAt(text, pos) {
  const start = text.lastIndexOf("\n", pos - 1) + 1;
  const before = text.slice(start, pos);
  const end = text.indexOf("\n", pos);
  const rest = text.slice(pos, end < 0 ? text.length : end);
  if (/(^|\s)#/.test(before)) return null;
  const above = text.slice(0, start).split("\n").slice(0, -1);
  const below = end < 0 ? [] : text.slice(end + 1).split("\n");
  const flow = openBrackets(before);
  const word = /[\w.-]*$/.exec(before)[0];
  const here = indentOf(before);
  if (flow.length) {
    const head = before.slice(0, flow[0].at);
    const path = [...leading(above, before.search(/\S/)), ...(/^\s*- /.test(head) ? ["[]"] : []), ...(keyOf(head) ? [keyOf(head)] : [])];
    for (const [nr, frame] of flow.entries()) {
      const upTo = flow[nr + 1]?.at ?? before.length;
      const own = before.slice(frame.at + 1, upTo);
      if (frame.sign === "[") path.push("[]");
      else if (nr + 1 < flow.length) path.push(/([\w.-]+)\s*:\s*$/.exec(own)?.[1] ?? "");
    }
    const last = flow.at(-1);
    const inside = before.slice(last.at + 1) + rest.split(/[}\]]/)[0];
    const typed = /(?:^|,)\s*([\w.-]+)\s*:\s*[^,]*$/.exec(before.slice(last.at + 1))?.[1] ?? null;
    return { path, beside: inside, key: last.sign === "[" ? null : typed, word };
  }
  const item = /^\s*- /.test(before);
  const typed = /:\s/.test(before) ? keyOf(before) : null;
  const beside = [...siblings([...above].reverse(), here), before + rest, ...siblings(below, here)].join("\n");
  return { path: [...leading(above, item ? before.search(/\S/) : here), ...(item ? ["[]"] : [])], beside, key: typed ?? null, word };
}

function openBrackets(text) {
  const open = [];
  let quote = "";
  for (const [at, sign] of [...text].entries()) {
    if (quote) quote = sign === quote ? "" : quote;
    else if (sign === '"' || sign === "'") quote = sign;
    else if (sign === "{" || sign === "[") open.push({ at, sign });
    else if (sign === "}" || sign === "]") open.pop();
  }
  return open;
}

// The keys above that this line belongs to, outermost first.
function leading(above, indent) {
  const path = [];
  let limit = indent;
  for (const line of [...above].reverse()) {
    const own = bare(line);
    if (!own.trim()) continue;
    const dash = /^(\s*)- /.exec(own);
    const at = dash && dash[1].length < limit && indentOf(own) >= limit ? dash[1].length : indentOf(own);
    if (dash && dash[1].length < limit && indentOf(own) <= limit) {
      path.unshift("[]");
      limit = dash[1].length + 1;
      if (indentOf(own) < limit) continue;
    }
    if (!dash && at < limit && keyOf(own)) {
      path.unshift(keyOf(own));
      limit = at;
    }
    if (limit === 0) break;
  }
  return path;
}

// Lines of the same mapping, from the cursor away until something that stands further left.
function siblings(lines, indent) {
  const found = [];
  for (const line of lines) {
    const own = bare(line);
    if (!own.trim()) continue;
    if (own.search(/\S/) < indent && !(/^\s*- /.test(own) && indentOf(own) === indent)) break;
    if (indentOf(own) === indent) found.push(own);
    if (/^\s*- /.test(own) && indentOf(own) === indent) break;
  }
  return found;
}
