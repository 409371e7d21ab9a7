// Offers a key where the browser has keys, and says on the page, where allauth would only write to the console, that
// one was not read.
"use strict";

const NOT_READ = "没有读到安全密钥：可能取消了、等得太久，或者这台设备没有登记过。可以再试一次。";
// An address of bare numbers has no keys of its own in any browser.
const NOT_HERE = "浏览器不让这个网址使用安全密钥，请用域名打开本站；在本机上是 localhost。";

document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  const button = document.getElementById("key-button");
  let words = document.getElementById("key-words");
  if (!words) {
    words = document.createElement("p");
    words.id = "key-words";
    words.className = "callout callout--warn";
    words.setAttribute("role", "alert");
    button.before(words);
  }
  words.textContent = event.detail.exception?.name === "SecurityError" ? NOT_HERE : NOT_READ;
});

const keyForm = document.getElementById("key-form");
if (keyForm && window.PublicKeyCredential) keyForm.hidden = false;
