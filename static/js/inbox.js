/* The demo's inbox: new messages come in by themselves. */
"use strict";

const EVERY = 2000;

async function lookForNew() {
  const shown = document.querySelector("[data-live]");
  try {
    const answer = await fetch(location.href, { cache: "no-store" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const found = page.querySelector("[data-live]");
    if (found && found.innerHTML !== shown.innerHTML) {
      shown.replaceChildren(...found.childNodes);
    }
  } catch {
    // The portal is being restarted: the next look will tell.
  }
}

setInterval(() => document.hidden || lookForNew(), EVERY);
