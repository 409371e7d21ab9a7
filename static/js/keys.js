// Says on the page, where allauth would only write to the console, that a security key was not read.
"use strict";

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
  words.textContent = "没有读到安全密钥：可能取消了、等得太久，或者这台设备没有登记过。可以再试一次。";
});
