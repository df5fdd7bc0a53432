// The picture in view: draws the part that the zoom leaves, and names the class under the pointer.

import { at } from "./dom.js";
import { classInks, fit, heated, heatInks, outlined, paint, sample } from "./drawing.js";
import { chosen, mark } from "./legend.js";
import { edges, heat, mode, opacity, pointAt } from "./look.js";
import { highest, moved, pixel, whole, zoom, zoomed } from "./part.js";

let shown = null; // { width, height, picture }, and of a result its legend, values and percents
let part = null; // the part of it in view
let samples = null; // values and percents of the part at the view's size, until it changes
let frame = 0;

// Shows a picture whole, or null: a blank. `kept`: it is the picture in view, whose part stays if it has the same size.
export function show(opened, kept = false) {
  if (shown && shown.picture !== opened?.picture) shown.picture?.close();
  const same = kept && shown && opened && shown.width === opened.width && shown.height === opened.height;
  shown = opened;
  samples = null;
  if (!same) part = opened && whole(opened);
  fit(at("view"), opened?.width ?? 640, opened?.height ?? 400);
  at("zooming").hidden = !opened;
  if (!opened) at("tip").hidden = true;
  scaled();
}

export const opened = () => (shown?.legend ? shown : null);

export const isZoomed = () => Boolean(shown) && zoom(part, shown) > 1;

// Zooms by a factor; the place x, y, in shares of the view, stays where it is. Returns whether anything changed.
export function zoomBy(factor, x = 0.5, y = 0.5) {
  const before = part;
  if (shown) part = zoomed(part, shown, factor, x, y);
  const changed = shown && part.width !== before.width;
  if (changed) scaled();
  return changed;
}

// Moves the view right by x and down by y, in shares of the view.
export function moveBy(x, y) {
  part = moved(part, shown, x, y);
  scaled();
}

export function reset() {
  if (shown) part = whole(shown);
  scaled();
}

function scaled() {
  samples = null;
  const scale = shown ? zoom(part, shown) : 1;
  at("view").classList.toggle("zoomed", scale > 1);
  at("zoom").textContent = `${Math.round(100 * scale)}%`;
  const ends = { "zoom-in": !shown || scale >= highest(shown), "zoom-out": scale <= 1, "zoom-reset": scale <= 1 };
  for (const [id, off] of Object.entries(ends)) at(id).ariaDisabled = String(off);
  draw();
}

export function draw() {
  cancelAnimationFrame(frame);
  frame = requestAnimationFrame(() => {
    const canvas = at("view");
    if (!shown) canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
    else render(canvas, part, (samples ??= {}));
  });
}

// Draws a part of the picture as it looks at present. `kept` holds what only depends on the part.
export function render(canvas, area, kept = {}) {
  const result = mode() === "original" ? null : opened();
  if (!result) {
    paint(canvas, shown.picture, area, null);
    return;
  }
  kept.classes ??= outlined(sample(result.values, result, area, canvas), canvas);
  if (!showsConfidence()) {
    paint(canvas, result.picture, area, kept.classes, classInks(result.legend, opacity("prediction"), edges(), chosen()));
    return;
  }
  kept.percents ??= sample(result.percents, result, area, canvas);
  const view = heated(kept.classes, kept.percents, chosen());
  paint(canvas, result.picture, area, view, heatInks(heat, opacity("confidence"), edges()));
}

export const showsConfidence = () => mode() === "confidence" && Boolean(opened()?.percents);

// Returns where in the view an event is, in shares of it: [x, y].
export function place(event) {
  const box = at("view").getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
}

// Returns the class of the pixel under an event, and its percent or null; null outside and without a result.
export function under(event) {
  const result = opened(), spot = result && pixel(part, result, ...place(event));
  if (!spot) return null;
  const index = spot[1] * result.width + spot[0];
  const row = result.legend.find((entry) => entry.class_id === result.values[index]);
  return { row, percent: showsConfidence() ? result.percents[index] : null };
}

// Names what is under the pointer; null for nothing.
export function hover(event) {
  const found = event && under(event), tip = at("tip");
  tip.hidden = !found;
  mark(found?.row.class_id);
  pointAt(found?.percent ?? null);
  if (!found) return;
  const { row, percent } = found;
  tip.firstChild.style.background = percent === null ? row.colour : heat[percent];
  tip.lastChild.textContent = percent === null ? row.name : `${row.name}, ${percent}%`;
  const frame = at("frame").getBoundingClientRect();
  const x = event.clientX - frame.left, y = event.clientY - frame.top;
  const left = Math.min(Math.max(x + 14, 4), frame.width - tip.offsetWidth - 4);
  tip.style.translate = `${left}px ${y > 50 ? y - 44 : y + 18}px`;
}
