// Shows the page anew as soon as what it tells is no longer true: [data-watch] is asked, [data-mark] is what it knows.
"use strict";

const PAUSES = [1, 1, 2, 2, 3, 5, 5, 5, 10, 10, 10, 20, 20, 30, 30, 60, 60];

function watch(place, turn) {
  if (turn >= PAUSES.length) return;
  setTimeout(() => look(place, turn), PAUSES[turn] * 1000);
}

async function look(place, turn) {
  try {
    const answer = await fetch(place.dataset.watch, { headers: { Accept: "text/plain" } });
    if (!answer.ok || (await answer.text()) !== place.dataset.mark) {
      if (!isBusy()) location.reload();
      return;
    }
  } catch {
    // Offline for a moment: the next turn asks again.
  }
  watch(place, turn + 1);
}

// A form that is on its way leads somewhere else anyhow.
function isBusy() {
  return Boolean(document.querySelector("form[data-sent]"));
}

document.querySelectorAll("[data-watch]").forEach((place) => watch(place, 0));
