"use strict";
// Everything works without this file; it saves a few taps.

for (const button of document.querySelectorAll("[data-choose-all]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const boxes = [...button.form.querySelectorAll("input[type=checkbox]")];
    const all = boxes.every((box) => box.checked);
    boxes.forEach((box) => { box.checked = !all; });
  });
}

const form = document.getElementById("print");
const picture = document.querySelector("[data-preview]");
if (form && picture) {
  form.addEventListener("change", () => {
    const asked = new URLSearchParams({ lang: document.documentElement.lang.slice(0, 2) });
    for (const name of ["stock", "dpi", "medium", "border", "reprint"]) {
      const value = new FormData(form).get(name);
      if (value) asked.set(name, value);
    }
    picture.src = `${picture.dataset.preview}?${asked}`;
  });
}
