// The permission centre: tells us when the browser's own setting closes what is open here, and lets the browser ask.
// What a camera, a microphone or the positioning gives is let go at once and goes nowhere.
"use strict";

const SAID = { granted: "已允许", prompt: "用到时会先询问您", denied: "已拒绝，可以在地址栏左侧的网站设置里改" };
const ASKING = {
  camera: () => capture({ video: true }),
  microphone: () => capture({ audio: true }),
  location: locate,
};

async function capture(wanted) {
  const stream = await navigator.mediaDevices.getUserMedia(wanted);
  stream.getTracks().forEach((track) => track.stop());
}

// Whether a position is found does not matter here, only whether the browser may look for one.
function locate() {
  return new Promise((found, refused) => {
    const failed = (error) => (error.code === error.PERMISSION_DENIED ? refused({ name: "NotAllowedError" }) : found());
    navigator.geolocation.getCurrentPosition(() => found(), failed, { timeout: 10000, maximumAge: Infinity });
  });
}

// What is closed here the page's own header closes too, and the browser would call that denied: only open rows count.
async function watchBrowser(row) {
  const box = row.querySelector(".power__browser");
  if (!box) return;
  box.hidden = false;
  if (!window.isSecureContext) return tell(row, "这个连接不是 HTTPS，浏览器不会打开它");
  box.querySelector("[data-ask]").addEventListener("click", () => ask(row));
  const status = await query(row);
  if (!status) return;
  status.addEventListener("change", () => heard(row, status.state));
  tell(row, SAID[status.state]);
  // Who has just allowed it here, in a browser that had been told no before, first reads why nothing happens.
  const justAllowed = location.hash === `#${row.dataset.open}`;
  if (status.state === "denied" && !justAllowed) await report(row);
}

async function query(row) {
  try {
    return await navigator.permissions.query({ name: row.dataset.feature });
  } catch {
    return null; // a browser that does not tell
  }
}

function tell(row, words) {
  row.querySelector("[data-browser]").textContent = words;
}

async function heard(row, state) {
  tell(row, SAID[state]);
  if (state === "denied") await report(row);
}

async function ask(row) {
  tell(row, "正在询问…");
  try {
    await ASKING[row.dataset.open]();
    tell(row, "浏览器已允许");
  } catch (error) {
    await explain(row, error.name);
  }
}

async function explain(row, name) {
  if (name !== "NotAllowedError") return tell(row, name === "NotFoundError" ? "这台设备没有找到它" : "现在用不了，请稍后再试");
  const state = (await query(row))?.state ?? "denied";
  if (state === "granted") return tell(row, "浏览器已允许，但系统没有允许，请在系统设置里打开");
  if (state === "prompt") return tell(row, "没有选择允许，可以再试一次");
  tell(row, "浏览器拒绝了，可以在地址栏左侧的网站设置里改");
  await report(row);
}

async function report(row) {
  const token = document.querySelector('[name="csrfmiddlewaretoken"]').value;
  const body = new URLSearchParams({ state: "denied" });
  try {
    const answer = await fetch(row.dataset.toldAt, { method: "POST", body, headers: { "X-CSRFToken": token } });
    if (answer.redirected || (answer.ok && !(await answer.json()).open)) showAnew();
  } catch {
    // Offline for a moment: the next time this page opens it tells.
  }
}

// Another tab or device may have decided something, or signed out.
async function lookAgain(place) {
  if (document.visibilityState !== "visible") return;
  try {
    const answer = await fetch(place.dataset.markAt, { headers: { Accept: "text/plain" } });
    if (answer.redirected || (answer.ok && (await answer.text()) !== place.dataset.mark)) showAnew();
  } catch {
    // Offline for a moment: the page stays as it is.
  }
}

// A form that is on its way leads somewhere else anyhow. Without its fragment the address is loaded anew.
function showAnew() {
  if (!document.querySelector("form[data-sent]")) location.replace(location.pathname);
}

async function whenOpened() {
  const place = document.querySelector("[data-mark]");
  document.addEventListener("visibilitychange", () => lookAgain(place));
  window.addEventListener("pageshow", (event) => event.persisted && lookAgain(place));
  await Promise.all([...document.querySelectorAll("[data-open]")].map(watchBrowser));
  history.replaceState(history.state, "", location.pathname);
}

whenOpened();
