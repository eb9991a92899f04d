// Times on the page: ages tick, countdowns count, clocks become the reader's own.
const skew = Date.parse(document.documentElement.dataset.now ?? "") - Date.now() || 0;
/** The gateway's time, in ms. */
export const now = () => Date.now() + skew;

/** One unit, as the templates write it: "4 s", "14 min", "3 h", "5 d". */
export function span(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h`;
  return `${Math.floor(whole / 86400)} d`;
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function tick(root) {
  for (const element of root.querySelectorAll("time[data-age]")) {
    const { before = "", after = "" } = element.dataset;
    put(element, before + span((now() - Date.parse(element.dateTime)) / 1000) + after);
  }
  for (const element of root.querySelectorAll("time[data-until]")) {
    const left = (Date.parse(element.dateTime) - now()) / 1000;
    put(element, left < 1 ? "due now" : `in ${span(left)}`);
  }
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const minutes = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

function localise(root) {
  for (const element of root.querySelectorAll("time[data-clock]")) {
    put(element, (element.dataset.clock ? minutes : clock).format(new Date(element.dateTime)));
  }
  for (const element of root.querySelectorAll("time[data-moment]")) {
    const at = new Date(element.dateTime);
    const day = `${at.getFullYear()}-${String(at.getMonth() + 1).padStart(2, "0")}-${String(at.getDate()).padStart(2, "0")}`;
    put(element, `${day} ${clock.format(at)}`);
  }
}

export function refreshTimes(root = document) {
  localise(root);
  tick(root);
}

export function startTicking() {
  setInterval(() => document.hidden || tick(document), 1000);
}
