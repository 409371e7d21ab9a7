// Moves a bar along without loading the page again: [data-progress] is asked once a second, until its state is another.
"use strict";

const PAUSE = 1000;

function follow(place) {
  setTimeout(() => ask(place), PAUSE);
}

async function ask(place) {
  try {
    const answer = await fetch(place.dataset.progress, { headers: { Accept: "application/json" } });
    if (!answer.ok) return location.reload();
    const { state, done, total } = await answer.json();
    if (state !== place.dataset.state) return location.reload();
    show(place, done, total);
  } catch {
    // Offline for a moment: the next second asks again.
  }
  follow(place);
}

function show(place, done, total) {
  const bar = place.querySelector("progress");
  bar.max = Math.max(total, 1);
  bar.value = done;
  place.querySelector("label").textContent = `已处理 ${done} / ${total} 条`;
}

document.querySelectorAll("[data-progress]").forEach(follow);
