// Lucide's pictures that islands draw themselves; the templates inline the rest.
import arrowUpLeft from "lucide-static/icons/arrow-up-left.svg?raw";
import box from "lucide-static/icons/box.svg?raw";
import check from "lucide-static/icons/check.svg?raw";
import circleHelp from "lucide-static/icons/circle-help.svg?raw";
import clock from "lucide-static/icons/clock.svg?raw";
import cog from "lucide-static/icons/cog.svg?raw";
import database from "lucide-static/icons/database.svg?raw";
import fastForward from "lucide-static/icons/fast-forward.svg?raw";
import inbox from "lucide-static/icons/inbox.svg?raw";
import layers from "lucide-static/icons/layers.svg?raw";
import loader from "lucide-static/icons/loader-circle.svg?raw";
import rotate from "lucide-static/icons/rotate-ccw.svg?raw";
import webhook from "lucide-static/icons/webhook.svg?raw";
import wind from "lucide-static/icons/wind.svg?raw";
import cross from "lucide-static/icons/x.svg?raw";

const pictures = {
  "kind-kafka": layers,
  "kind-mq": inbox,
  "kind-database": database,
  "kind-service": cog,
  "kind-api": webhook,
  "kind-airflow": wind,
  "state-ok": check,
  "state-run": loader,
  "state-retry": rotate,
  "state-bad": cross,
  "state-upstream": arrowUpLeft,
  "state-skipped": fastForward,
  "state-waiting": clock,
  "state-unknown": circleHelp,
};

const inner = (svg) => svg.replace(/^[\s\S]*?<svg[\s\S]*?>/, "").replace(/<\/svg>\s*$/, "");

/** The picture as inline SVG; a kind that a plug-in brought gets a box. */
export const picture = (name) => `<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">${inner(pictures[name] ?? box)}</svg>`;
