// Wherever the camera, the microphone or the positioning is open: tells us when the browser's own setting closes it.
// The permission centre looks after itself.
"use strict";

async function guard(mark) {
  const status = await navigator.permissions?.query({ name: mark.dataset.guard }).catch(() => null);
  if (!status) return; // a browser that does not tell
  const look = () => status.state === "denied" && report(mark.dataset.toldAt);
  status.addEventListener("change", look);
  look();
}

function report(address) {
  const token = document.querySelector('[name="csrfmiddlewaretoken"]').value;
  const body = new URLSearchParams({ state: "denied" });
  // Offline for a moment: the next page tells.
  fetch(address, { method: "POST", body, headers: { "X-CSRFToken": token } }).catch(() => {});
}

document.querySelectorAll("[data-guard]").forEach(guard);
