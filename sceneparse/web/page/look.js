// How pictures are shown: original, prediction or confidence, the opacity, the boundaries, and the colour bar.

import { at } from "./dom.js";

const opacities = { original: 60, prediction: 60, confidence: 100 }; // percent; the bar's colours show at 100 alone

export const mode = () => document.querySelector("[name=show]:checked").value;
export const opacity = (mode) => opacities[mode] / 100;
export const edges = () => at("edges").checked;
export let heat = []; // colours of 0..100 percent

// Begins with the colours of 0..100 percent. Calls changed() when pictures look different, switched() before it when
// it is the mode that is different.
export function begin(colours, changed, switched) {
  heat = colours;
  at("ramp").style.background = `linear-gradient(to right, ${heat.join(", ")})`;
  at("opacity").addEventListener("input", () => {
    opacities[mode()] = at("opacity").value;
    show();
    changed();
  });
  at("edges").addEventListener("change", changed);
  for (const radio of document.querySelectorAll("[name=show]")) {
    radio.addEventListener("change", () => {
      show();
      switched();
      changed();
    });
  }
  show();
}

// Marks a value, 0..100, on the colour bar; null for none.
export function pointAt(value) {
  at("needle").hidden = value === null;
  at("needle").style.left = `${value ?? 0}%`;
}

function show() {
  at("opacity").value = opacities[mode()];
  at("percent").textContent = `${at("opacity").value}%`;
  at("bar").hidden = mode() !== "confidence";
  at("opacity").disabled = at("edges").disabled = mode() === "original";
}
