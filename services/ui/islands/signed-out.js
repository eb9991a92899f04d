// The sign-in has ended while the page was open.
import { say } from "./toast.js";

let waiting = false;

/** A page that only shows is loaded again, which leads to the sign-in. One with a form stays: what was typed is not lost. */
export function signedOut() {
  if (!document.querySelector('main form[method="post"] :is(textarea, input:not([type="hidden"]))')) return window.location.reload();
  if (waiting) return undefined;
  waiting = true;
  say("Your sign-in has ended. Sign in in another tab and come back: what you typed stays here.", "bad");
  window.addEventListener("focus", renew);
  return undefined;
}

/** Signed in again in another tab: the forms of this page get the token of the new session. */
async function renew() {
  const answer = await fetch(location.href, { cache: "no-store" }).catch(() => null);
  if (!answer?.ok || answer.redirected) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const token = page.querySelector('meta[name="csrf-token"]')?.content;
  if (!token) return;
  document.querySelector('meta[name="csrf-token"]').content = token;
  for (const field of document.querySelectorAll('input[name="csrf_token"]')) field.value = token;
  waiting = false;
  window.removeEventListener("focus", renew);
  say("You are signed in again. Go on where you were.");
}
