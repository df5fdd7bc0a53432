// What a mouse, fingers and keys do to the view: zoom, move, and point.

import { at } from "./dom.js";
import { pin } from "./legend.js";
import { hover, isZoomed, moveBy, place, reset, under, zoomBy } from "./view.js";

const STEP = 1.5; // of a key or a button
const SHIFT = 0.1; // of the view, for an arrow key
const STILL = 4; // CSS pixels that a click may move
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const KEYS = { "+": () => zoomBy(STEP), "=": () => zoomBy(STEP), "-": () => zoomBy(1 / STEP), "0": reset };

const fingers = new Map(); // pointers that are down, by id: their latest events
let start = null; // event of the first of them
let dragged = false;

export function begin() {
  const view = at("view");
  view.addEventListener("wheel", wheel, { passive: false });
  view.addEventListener("pointerdown", down);
  view.addEventListener("pointermove", move);
  for (const type of ["pointerup", "pointercancel"]) view.addEventListener(type, up);
  view.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && hover(null));
  view.addEventListener("click", (event) => {
    const found = dragged ? null : under(event);
    if (found) pin(found.row.class_id);
  });
  view.addEventListener("dblclick", reset);
  for (const type of ["touchstart", "touchmove"]) {
    // Or the browser would take two fingers for scrolling, and end the pinch.
    const pinch = (event) => event.touches.length > 1 && event.cancelable;
    view.addEventListener(type, (event) => pinch(event) && event.preventDefault(), { passive: false });
  }
  at("zoom-in").addEventListener("click", KEYS["+"]);
  at("zoom-out").addEventListener("click", KEYS["-"]);
  at("zoom-reset").addEventListener("click", reset);
  addEventListener("keydown", key);
}

function wheel(event) {
  const lines = event.deltaMode ? 16 : 1, speed = event.ctrlKey ? 0.01 : 0.002; // ctrlKey: a pinch on a touchpad
  const factor = Math.exp(Math.min(Math.max(-event.deltaY * lines * speed, -0.5), 0.5));
  if (factor < 1 && !isZoomed() && !event.ctrlKey) return; // the page scrolls
  event.preventDefault();
  zoomBy(factor, ...place(event));
  hover(event);
}

function down(event) {
  if (!fingers.size) [start, dragged] = [event, false];
  fingers.set(event.pointerId, event);
  hover(event);
}

function move(event) {
  const before = fingers.get(event.pointerId);
  if (!before) return hover(event);
  if (fingers.size === 1 && !dragged && apart(start, event) < STILL) return hover(event);
  const other = [...fingers.values()].find((finger) => finger.pointerId !== event.pointerId);
  fingers.set(event.pointerId, event);
  if (!other && !isZoomed()) return hover(event);
  if (!dragged) at("view").setPointerCapture(event.pointerId);
  dragged = true;
  at("view").classList.add("dragged");
  hover(null);
  const [x, y] = place(event), [fromX, fromY] = place(before);
  if (!other) return moveBy(fromX - x, fromY - y);
  const [heldX, heldY] = place(other), middle = [(x + heldX) / 2, (y + heldY) / 2];
  zoomBy(apart(event, other) / Math.max(apart(before, other), 1), ...middle);
  moveBy((fromX - x) / 2, (fromY - y) / 2);
}

function up(event) {
  fingers.delete(event.pointerId);
  if (!fingers.size) at("view").classList.remove("dragged");
}

// Keys zoom while the focus is at the picture or nowhere; arrows move a part of it.
function key(event) {
  const focus = document.activeElement;
  if (event.ctrlKey || event.metaKey || event.altKey || at("result").hidden) return;
  if (focus !== document.body && !at("frame").contains(focus)) return;
  const arrow = focus === at("view") && isZoomed() && ARROWS[event.key];
  if (!arrow && !KEYS[event.key]) return;
  event.preventDefault();
  if (arrow) moveBy(arrow[0] * SHIFT, arrow[1] * SHIFT);
  else KEYS[event.key]();
  hover(null);
}

const apart = (first, second) => Math.hypot(first.clientX - second.clientX, first.clientY - second.clientY);
