// Makes pages smoother; every page works without it.
"use strict";

function whenReady() {
  document.querySelectorAll('input[type="password"]').forEach(addShowButton);
  document.querySelectorAll("[data-countdown]").forEach(countDown);
  document.querySelector(".error-summary")?.focus();
  document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  document.addEventListener("click", closeOtherMenus);
  document.addEventListener("keydown", closeMenuOnEscape);
  document.addEventListener("submit", askFirst);
  document.addEventListener("submit", sendOnce);
  document.addEventListener("submit", sendInPlace);
  window.addEventListener("pageshow", letSendAgain);
}

function addShowButton(input) {
  const box = document.createElement("span");
  box.className = "password-field";
  const button = document.createElement("button");
  button.type = "button";
  const show = (visible) => {
    input.type = visible ? "text" : "password";
    button.textContent = visible ? "隐藏" : "显示";
    button.setAttribute("aria-label", visible ? "隐藏密码" : "显示密码");
  };
  show(false);
  button.addEventListener("click", () => show(input.type === "password"));
  // A password left readable would be offered by the browser as ordinary text later.
  input.form?.addEventListener("submit", () => show(false));
  input.replaceWith(box);
  box.append(input, button);
}

// A button that may be pressed again only after some seconds, such as "send the code again".
function countDown(button) {
  const words = button.textContent.trim();
  let left = Number(button.dataset.countdown);
  button.disabled = true;
  const tick = () => {
    button.textContent = left > 0 ? `${words}（${left} 秒）` : words;
    button.disabled = left > 0;
    if (left-- > 0) setTimeout(tick, 1000);
  };
  tick();
}

function closeOtherMenus(event) {
  document.querySelectorAll("details.menu[open]").forEach((menu) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
}

function closeMenuOnEscape(event) {
  const menu = event.key === "Escape" && document.querySelector("details.menu[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
}

// <form data-confirm="问题" data-confirm-label="按钮上的字"> asks in a dialog before it is sent.
function askFirst(event) {
  const form = event.target;
  if (!form.dataset.confirm || form.dataset.confirmed) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const { dialog, yes } = buildDialog(form.dataset.confirm, form.dataset.confirmLabel || "确定");
  yes.addEventListener("click", () => {
    dialog.close();
    form.dataset.confirmed = "yes";
    form.requestSubmit(event.submitter);
  });
  dialog.showModal();
}

function buildDialog(question, label) {
  const dialog = document.createElement("dialog");
  dialog.className = "dialog";
  const words = document.createElement("p");
  words.textContent = question;
  words.id = "dialog-words";
  dialog.setAttribute("aria-labelledby", words.id);
  const no = buildButton("取消", "button button--quiet");
  const yes = buildButton(label, "button button--danger");
  const actions = document.createElement("div");
  actions.className = "form-actions";
  actions.append(no, yes);
  dialog.append(words, actions);
  no.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  return { dialog, yes };
}

function buildButton(words, className) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = className;
  button.textContent = words;
  return button;
}

// A second click while the first is on its way would only come back as an error.
function sendOnce(event) {
  if (event.defaultPrevented || event.target.method !== "post") return;
  if (event.target.dataset.sent) {
    event.preventDefault();
    return;
  }
  event.target.dataset.sent = "yes";
  event.submitter?.setAttribute("aria-disabled", "true");
}

// <form data-replace> leads on without leaving itself in the history: the back button goes to where one came from.
async function sendInPlace(event) {
  const form = event.target;
  if (!("replace" in form.dataset) || event.defaultPrevented) return;
  event.preventDefault();
  try {
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    if (answer.ok && answer.redirected) return location.replace(answer.url);
  } catch {
    // Offline for a moment: sent the ordinary way, the browser says so itself.
  }
  form.submit();
}

// The back button may show the very page that was left, with its form as sent.
function letSendAgain(event) {
  if (!event.persisted) return;
  document.querySelectorAll("form[data-sent]").forEach((form) => {
    delete form.dataset.sent;
    delete form.dataset.confirmed;
    form.querySelectorAll('[aria-disabled="true"]').forEach((button) => button.removeAttribute("aria-disabled"));
  });
}

whenReady();
