// The picture in view and what is beside it: its result, or what keeps it waiting, or why it is refused.

import { at, percent, plural, tell } from "./dom.js";
import { list } from "./legend.js";
import { current, refuse, retry } from "./pictures.js";
import { open } from "./server.js";
import * as view from "./view.js";

let shown = null; // the picture that the page shows
let drawn = null; // the picture in the view, which stays there until the next one is decoded
let answer = null, ready = false; // its answer that is in view, or, until it is ready, on its way there
let limits;

export function begin(model) {
  limits = model;
  at("refused-again").addEventListener("click", retry);
}

// Brings the page up to date with the picture in view; null for none.
export function update() {
  at("start").hidden = Boolean(current);
  at("result").hidden = !current;
  const changed = current !== shown;
  shown = current;
  if (changed) blank();
  if (!current) return;
  const { file, state, reason, again } = current;
  at("working").hidden = state === "refused" || (state === "done" && current.answer === answer && ready);
  at("what").textContent = words(current);
  at("refused").hidden = state !== "refused";
  at("refused-again").hidden = !again;
  at("reason").textContent = reason ?? "";
  at("refused-name").textContent = file.name;
  if (state === "working" && changed) tell(`Segmenting ${file.name}`);
  if (current.answer && current.answer !== answer) present(current);
  else if (!current.answer && changed && file.size <= limits.max_bytes) preview(current);
}

function words({ state, answer }) {
  if (state === "waiting") return "Waiting for its turn";
  if (state === "done") return "Drawing";
  return answer ? "Measuring the confidence" : "Segmenting";
}

function blank() {
  [answer, ready] = [null, false];
  tell("");
  if (!current?.answer) {
    draw(null, null);
    list([]);
    at("facts").textContent = "";
  }
  at("side").classList.add("waiting");
  at("side").inert = true;
}

function draw(entry, opened) {
  view.show(opened, entry === drawn);
  drawn = entry;
}

// Shows the file itself, until its result comes.
async function preview(entry) {
  const picture = await createImageBitmap(entry.file).catch(() => null); // not every browser shows every format
  if (entry !== current || answer) picture?.close();
  else if (picture) draw(entry, { width: picture.width, height: picture.height, picture });
}

async function present(entry) {
  const own = (answer = entry.answer);
  ready = false;
  try {
    const opened = await open(entry.file, own);
    if (entry !== current || answer !== own) return opened.picture.close();
    describe(entry, opened);
    ready = true;
    update();
  } catch (error) {
    if (entry !== current) return;
    draw(null, null);
    refuse(entry, error);
  }
}

function describe(entry, opened) {
  const { file } = entry;
  const { width, height, original_height: rows, original_width: columns, legend, notes } = opened.answer;
  draw(entry, opened);
  list(legend);
  const shrunk = `, shrunk from ${columns} × ${rows}: more than ${limits.max_megapixels} megapixels are not segmented here`;
  const size = `${file.name}, ${width} × ${height} pixels${width === columns && height === rows ? "" : shrunk}`;
  at("facts").textContent = [size, ...notes].join("; ");
  at("side").classList.remove("waiting");
  at("side").inert = false;
  const parts = legend.map((row) => `${row.name} ${percent(row.share)}`);
  at("view").setAttribute("aria-label", `${file.name}: ${parts.join(", ")}`);
  tell(`Done: ${plural(legend.length, "class", "classes")} found`);
}
