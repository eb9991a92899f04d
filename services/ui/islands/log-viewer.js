// A log of any length: only the lines in sight are in the page. Escapes first, then turns ANSI into classes.
import Anser from "anser";

const LINE = 20; // px, as in styles/log.css
const SPARE = 12; // lines above and below what is in sight

const escape = (text) => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
const plain = (text) => Anser.ansiToText(text);

function read(root) {
  return [...root.querySelectorAll("[data-lines] > li")].map((item) => {
    const { at = "", of = "", level = "" } = item.dataset;
    return { at, of, level, text: item.textContent.slice([at, of].join(" ").length + 1).trimEnd() };
  });
}

export function mount(host) {
  const source = host.querySelector("[data-lines]");
  const numbered = "numbered" in host.dataset;
  const find = (name) => document.querySelector(`[data-log-${name}="${host.id}"]`);
  const [search, hitsText, follow, chosen] = [find("search"), find("hits"), find("follow"), find("source")];
  const box = document.createElement("div");
  const pad = document.createElement("div");
  const wanted = (root) => read(root).filter((line) => !chosen?.value || line.of === chosen.value);
  let all = host;
  let lines = wanted(all);
  let hits = [];
  let current = -1;

  box.className = `log${"tall" in host.dataset ? " tall" : ""}${numbered ? " plain-lines" : ""}`;
  box.tabIndex = 0;
  box.setAttribute("role", "log");
  box.setAttribute("aria-label", "Log lines");
  pad.className = "pad";
  box.append(pad);

  function markup(line, place) {
    const word = search?.value.trim();
    const body = word ? highlight(plain(line.text), word) : Anser.ansiToHtml(escape(line.text), { use_classes: true });
    const left = numbered ? `<span class="nr">${place + 1}</span>` : `<span class="at">${escape(line.at)}</span><span class="of">${escape(line.of)}</span>`;
    return `<div class="line level-${escape(line.level)}${place === hits[current] ? " current" : ""}" style="top:${place * LINE}px">${left}<span class="text">${body}</span></div>`;
  }

  function draw() {
    const from = Math.max(0, Math.floor(box.scrollTop / LINE) - SPARE);
    const to = Math.min(lines.length, Math.ceil((box.scrollTop + box.clientHeight) / LINE) + SPARE);
    pad.style.height = `${lines.length * LINE}px`;
    pad.innerHTML = lines.slice(from, to).map((line, place) => markup(line, from + place)).join("");
  }

  const following = () => follow?.getAttribute("aria-pressed") === "true";
  const setFollow = (on) => {
    follow?.setAttribute("aria-pressed", String(on));
    if (on) box.scrollTop = box.scrollHeight;
  };

  function seek(by) {
    if (!hits.length) return;
    current = (current + by + hits.length) % hits.length;
    setFollow(false);
    box.scrollTop = hits[current] * LINE - box.clientHeight / 2;
    hitsText.textContent = `${current + 1} of ${hits.length}`;
    draw();
  }

  function look() {
    const word = search.value.trim().toLowerCase();
    hits = word ? lines.flatMap((line, place) => (plain(line.text).toLowerCase().includes(word) ? [place] : [])) : [];
    current = -1;
    hitsText.textContent = word && !hits.length ? "not found" : "";
    if (hits.length) seek(1);
    else draw();
  }

  // New lines must not take the reader from the hit at which they are.
  function findAgain() {
    const word = search.value.trim().toLowerCase();
    hits = lines.flatMap((line, place) => (plain(line.text).toLowerCase().includes(word) ? [place] : []));
    current = Math.min(current, hits.length - 1);
    hitsText.textContent = hits.length ? `${current + 1} of ${hits.length}` : "not found";
  }

  host.addEventListener("flowtower:lines", (event) => {
    all = event.detail;
    lines = wanted(all);
    if (search?.value.trim()) findAgain();
    draw();
    if (following()) box.scrollTop = box.scrollHeight;
  });
  box.addEventListener("scroll", () => {
    const atEnd = box.scrollTop + box.clientHeight >= box.scrollHeight - LINE;
    if (following() && !atEnd) setFollow(false);
    draw();
  }, { passive: true });
  search?.addEventListener("input", look);
  chosen?.addEventListener("change", () => {
    lines = wanted(all);
    box.scrollTop = following() ? box.scrollHeight : 0;
    if (search?.value.trim()) look();
    else draw();
  });
  search?.addEventListener("keydown", (event) => event.key === "Enter" && seek(event.shiftKey ? -1 : 1));
  follow?.addEventListener("click", () => setFollow(!following()));
  new ResizeObserver(draw).observe(box);

  source.hidden = true;
  for (const tool of [search, follow, chosen]) if (tool) tool.hidden = false;
  host.append(box);
  draw();
  setFollow("follow" in host.dataset);
}

function highlight(text, word) {
  const low = text.toLowerCase();
  const parts = [];
  let from = 0;
  for (let at = low.indexOf(word.toLowerCase()); at >= 0; at = low.indexOf(word.toLowerCase(), from)) {
    parts.push(escape(text.slice(from, at)), `<mark>${escape(text.slice(at, at + word.length))}</mark>`);
    from = at + word.length;
  }
  return parts.join("") + escape(text.slice(from));
}
