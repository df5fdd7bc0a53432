// The list of a picture's classes: one of them is highlighted, pointed at or kept by a click.

import { at, make, percent, tell } from "./dom.js";

let rows = []; // of the picture in view: class_id, name, colour, share, pixels
let pinned = null, pointed = null; // class numbers: clicked, under the pointer or focused
let changed = () => {};

export const chosen = () => pointed ?? pinned;

export function begin(listener) {
  changed = listener;
}

// Lists a picture's classes, none of them highlighted. The same picture's keep their highlight.
export function list(legend) {
  if (rows === legend) return;
  [rows, pinned, pointed] = [legend, null, null];
  at("legend").replaceChildren(...legend.map(({ class_id: value, name, colour, share, pixels }) => {
    const swatch = make("i"), bar = make("s");
    swatch.style.background = colour;
    bar.style.setProperty("--share", `${100 * share}%`);
    const label = make("b", { textContent: name });
    const figure = make("output", { textContent: percent(share), title: `${pixels} pixels` });
    const button = make("button", { type: "button", ariaPressed: "false" }, swatch, label, figure, bar);
    button.addEventListener("click", () => pin(value));
    button.addEventListener("focus", () => button.matches(":focus-visible") && point(value));
    button.addEventListener("blur", () => point(null));
    button.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && point(value));
    button.addEventListener("pointerleave", () => point(null));
    const row = make("li", {}, button);
    row.dataset.value = value;
    return row;
  }));
}

// Keeps a class highlighted, or no longer.
export function pin(value) {
  pinned = pinned === value ? null : value;
  each((button, number) => button.setAttribute("aria-pressed", String(number === pinned)));
  const row = rows.find((entry) => entry.class_id === pinned);
  tell(row ? `${row.name}: ${percent(row.share)} of the picture` : "No class highlighted");
  changed();
}

// Marks the row of the class under the pointer, without highlighting it in the picture.
export function mark(value) {
  each((button, number) => button.classList.toggle("pointed", number === value));
}

function point(value) {
  if (pointed === value) return;
  pointed = value;
  mark(value);
  changed();
}

// Calls act(button, class number) for each row.
function each(act) {
  for (const row of at("legend").children) act(row.firstChild, Number(row.dataset.value));
}
