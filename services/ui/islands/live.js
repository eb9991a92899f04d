// Keeps the page up to date: one WebSocket, fragments fetched as messages say, polling when there is no socket.
import { now } from "./ages.js";
import { refresh } from "./regions.js";

const POLL = 15000; // ms between polls without a socket
const EVERY = 10000; // ms between two fetches of a block that says data-every: what it shows moves without a message
const PACE = 300; // ms between two fetches of the same block
const AGAIN = 5000; // ms between two fetches of a block that has grown too old and still does not say so
const looks = {
  live: ["ok", "Live", "Changes show up as they happen"],
  reconnecting: ["retry", "Reconnecting", "The connection broke; what is shown is as old as its ages say"],
  polling: ["waiting", "Polling", "No live connection; the page asks every 15 s"],
  away: ["bad", "Gateway away", "The gateway does not answer; what is shown is as old as its ages say"],
};

export function mount(chip) {
  const regions = () => [...document.querySelectorAll("[data-live]")];
  const pending = new Map();
  // What the page shows already; without it everything is fetched once the socket is there.
  const shown = document.documentElement.dataset.seq;
  let seq = Number(shown ?? 0);
  let tries = 0;
  let poll = null;

  const show = (state) => {
    const [tone, word, title] = looks[state];
    chip.className = `live tone-${tone}`;
    chip.dataset.state = state;
    chip.title = title;
    chip.querySelector(".dot").className = `dot tone-${tone}`;
    chip.querySelector(".word").textContent = word;
  };

  // At once, then after a short pause, one request at a time per block.
  async function bring(id, options) {
    const place = pending.get(id);
    if (place) {
      place.again = true;
      return;
    }
    const mine = { again: false };
    pending.set(id, mine);
    try {
      const element = document.getElementById(id);
      if (element) await refresh(element, options);
      if (chip.dataset.state === "away") show("polling");
    } catch {
      if (chip.dataset.state !== "live") show("away");
    }
    setTimeout(() => {
      pending.delete(id);
      if (mine.again) bring(id);
    }, PACE);
  }
  const bringAll = () => regions().forEach((element) => bring(element.id));

  // What grows too old without news is fetched again: only the gateway says what is stale.
  const aged = new Map();
  function bringAged() {
    if (document.hidden) return;
    for (const element of regions()) {
      const moments = [element, ...element.querySelectorAll("[data-stale-at]")].map((each) => Date.parse(each.dataset.staleAt));
      if (!moments.some((moment) => moment < now()) || now() - (aged.get(element.id) ?? 0) < AGAIN) continue;
      aged.set(element.id, now());
      bring(element.id);
    }
  }

  function take(message) {
    seq = Math.max(seq, message.seq ?? 0);
    if (message.kind === "hello") {
      show("live");
      if (tries || shown === undefined) bringAll();
      tries = 0;
      clearInterval(poll);
      poll = null;
    } else if (message.kind === "reset") bringAll();
    else {
      for (const element of regions()) {
        const wants = element.dataset.live.split(/\s+/);
        if (wants.includes(`${message.kind}:${message.id}`) || wants.includes(`${message.kind}:*`)) bring(element.id);
      }
    }
  }

  function fallBack() {
    show(tries > 1 ? "polling" : "reconnecting");
    if (tries > 1) poll ??= setInterval(() => document.hidden || bringAll(), POLL);
    const wait = Math.min(500 * 2 ** tries, 15000);
    tries += 1;
    setTimeout(connect, wait * (0.75 + Math.random() / 2));
  }

  function connect() {
    const topics = new Set(regions().flatMap((element) => element.dataset.live.split(/\s+/)));
    if (!topics.size) return;
    const address = new URL("/live", location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    address.searchParams.set("topics", [...topics].join(","));
    if (seq || shown !== undefined) address.searchParams.set("after", String(seq));
    const socket = new WebSocket(address);
    socket.addEventListener("message", (event) => take(JSON.parse(event.data)));
    socket.addEventListener("close", fallBack, { once: true });
  }

  document.addEventListener("flowtower:reload", (event) => bring(event.target.id, { whole: true }), true);
  // An action that stays on the page changes what is around it.
  document.addEventListener("flowtower:said", bringAll);
  document.addEventListener("visibilitychange", () => document.hidden || (poll && bringAll()));
  setInterval(() => document.hidden || document.querySelectorAll("[data-every]").forEach(({ id }) => bring(id)), EVERY);
  setInterval(bringAged, 1000);
  connect();
}
