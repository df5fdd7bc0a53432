// The page: takes pictures, asks the server to segment them, and shows the answers. It loads nothing from other hosts.

import { fit, inks, marked, paint } from "./drawing.js";
import { open, segment } from "./server.js";

const at = (id) => document.getElementById(id);

let limits = { max_bytes: Infinity };
let pictures = []; // each { file, answer, tab }; the answer is null until it comes
let current = null; // the picture in view
let last = null; // the last picture whose result was in view
let shown = null; // the current answer, decoded, with the file's name, its picture, and values at the view's size
let queue = Promise.resolve(); // one request after another
let pinned = null, pointed = null; // class numbers: clicked, under the pointer or focused
let drawing = 0;

// --- taking pictures

function take(files) {
  const added = Array.from(files, (file) => ({ file, answer: null, tab: document.createElement("button") }));
  if (!added.length) return;
  say("");
  pictures.push(...added);
  for (const entry of added) {
    entry.tab.type = "button";
    entry.tab.textContent = entry.tab.title = entry.file.name;
    entry.tab.addEventListener("click", () => select(entry));
    at("pictures").append(entry.tab);
  }
  select(added[0]);
  for (const entry of added) queue = queue.then(() => ask(entry));
}

async function ask(entry) {
  const { file } = entry;
  try {
    if (file.size > limits.max_bytes) {
      throw new Error(`the file is larger than ${limits.max_bytes / 1e6} MB, the most that is taken here`);
    }
    const answer = await segment(file);
    const opened = await open(file, answer);
    entry.answer = answer;
    tabs();
    if (entry === current) show(entry, opened);
    else at("status").textContent = `Done: ${file.name}`;
  } catch (error) {
    pictures = pictures.filter((other) => other !== entry);
    entry.tab.remove();
    say([at("error").textContent, `${file.name}: ${error.message}.`].filter(Boolean).join("\n"));
    if (entry === current) select(pictures.includes(last) ? last : (pictures.at(-1) ?? null));
    else tabs();
  }
}

// Puts a picture in view: its result, or the picture itself until the result comes; null for none.
async function select(entry) {
  current = entry;
  shown = pinned = pointed = null;
  tabs();
  at("start").hidden = Boolean(entry);
  at("result").hidden = at("another").hidden = !entry;
  at("side").classList.add("waiting");
  at("side").inert = true;
  at("tip").hidden = true;
  at("status").textContent = "";
  if (!entry) return;
  if (entry.answer) {
    const opened = await open(entry.file, entry.answer);
    if (entry === current) show(entry, opened);
    return;
  }
  at("status").textContent = `Segmenting ${entry.file.name}`;
  at("legend").replaceChildren();
  at("facts").textContent = "";
  at("working").hidden = false;
  const picture = await createImageBitmap(entry.file).catch(() => null); // not every browser shows every format
  if (entry !== current || shown) return;
  fit(at("view"), picture?.width ?? 640, picture?.height ?? 400);
  if (picture) at("view").getContext("2d").drawImage(picture, 0, 0, at("view").width, at("view").height);
}

function show(entry, opened) {
  const { height, width, original_height: rows, original_width: columns, legend, notes } = (shown = opened);
  const { name } = (last = entry).file;
  fit(at("view"), width, height);
  shown.view = marked(shown, at("view").width, at("view").height);
  list(legend);
  const shrunk = `, shrunk from ${columns} × ${rows}: more than ${limits.max_megapixels} megapixels are not segmented here`;
  const size = `${name}, ${width} × ${height} pixels${width === columns && height === rows ? "" : shrunk}`;
  at("facts").textContent = [size, ...notes].join("; ");
  at("working").hidden = true;
  at("side").classList.remove("waiting");
  at("side").inert = false;
  const parts = legend.map((row) => `${row.name} ${percent(row.share)}`);
  at("view").setAttribute("aria-label", `${name}: ${parts.join(", ")}`);
  at("status").textContent = `Done: ${legend.length} ${legend.length === 1 ? "class" : "classes"} found`;
  draw();
}

// Updates the tabs, which appear if there are several pictures.
function tabs() {
  at("pictures").hidden = pictures.length < 2;
  for (const entry of pictures) {
    entry.tab.classList.toggle("waiting", !entry.answer);
    entry.tab.setAttribute("aria-current", String(entry === current));
  }
}

// --- drawing

const table = () => inks(shown.legend, at("opacity").value / 100, at("edges").checked, pointed ?? pinned);

function draw() {
  cancelAnimationFrame(drawing);
  drawing = requestAnimationFrame(() => {
    if (!shown) return;
    paint(at("view"), shown.picture, predicts() ? shown.view : null, table());
    each((row, value) => row.classList.toggle("pointed", value === pointed));
  });
}

// --- the legend, and the class under the pointer

function list(legend) {
  at("legend").replaceChildren(...legend.map(({ class_id: value, name, colour, share }) => {
    const row = document.createElement("li"), button = document.createElement("button");
    const [swatch, label, figure, bar] = ["i", "b", "output", "s"].map((tag) => document.createElement(tag));
    row.dataset.value = value;
    button.type = "button";
    button.setAttribute("aria-pressed", "false");
    swatch.style.background = colour;
    label.textContent = name;
    figure.textContent = percent(share);
    bar.style.setProperty("--share", `${100 * share}%`);
    button.append(swatch, label, figure, bar);
    button.addEventListener("click", () => pin(value));
    button.addEventListener("focus", () => button.matches(":focus-visible") && point(value));
    button.addEventListener("blur", () => point(null));
    button.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && point(value));
    button.addEventListener("pointerleave", () => point(null));
    row.append(button);
    return row;
  }));
}

// Calls act(button, class number) for each row.
function each(act) {
  for (const row of at("legend").children) act(row.firstChild, Number(row.dataset.value));
}

function pin(value) {
  pinned = pinned === value ? null : value;
  each((row, value) => row.setAttribute("aria-pressed", String(value === pinned)));
  const row = shown.legend.find((entry) => entry.class_id === pinned);
  at("status").textContent = row ? `${row.name}: ${percent(row.share)} of the picture` : "No class highlighted";
  draw();
}

function point(value) {
  if (pointed === value) return;
  pointed = value;
  draw();
}

function under(event) {
  const box = at("view").getBoundingClientRect();
  const x = Math.floor(((event.clientX - box.left) / box.width) * shown.width);
  const y = Math.floor(((event.clientY - box.top) / box.height) * shown.height);
  const inside = x >= 0 && y >= 0 && x < shown.width && y < shown.height;
  return inside ? shown.legend.find((row) => row.class_id === shown.values[y * shown.width + x]) : null;
}

function hover(event) {
  const row = shown && under(event), tip = at("tip");
  tip.hidden = !row;
  each((button, value) => button.classList.toggle("pointed", value === row?.class_id));
  if (!row) return;
  tip.firstChild.style.background = row.colour;
  tip.lastChild.textContent = row.name;
  const frame = at("frame").getBoundingClientRect();
  const x = event.clientX - frame.left, y = event.clientY - frame.top;
  const left = Math.min(Math.max(x + 14, 4), frame.width - tip.offsetWidth - 4);
  tip.style.translate = `${left}px ${y > 50 ? y - 44 : y + 18}px`;
}

// --- saving

async function saveOverlay() {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [shown.width, shown.height];
  paint(canvas, shown.picture, predicts() ? marked(shown, shown.width, shown.height) : null, table());
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  if (blob) save(blob, `${shown.name}_overlay.png`);
  else say("This browser cannot make so large a picture. The labels can be saved.");
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

// --- small things

const percent = (share) => (share < 0.001 ? "< 0.1%" : `${(100 * share).toFixed(1)}%`);
const predicts = () => document.querySelector("[name=show]:checked").value === "prediction";

function say(text) {
  at("error").hidden = !text;
  at("error").textContent = text;
}

// --- beginning

const choose = () => at("file").click();
at("start").addEventListener("click", choose);
at("another").addEventListener("click", choose);
at("file").addEventListener("change", () => {
  take(at("file").files);
  at("file").value = ""; // or choosing the same file again would change nothing
});

let depth = 0; // each crossed element sends dragenter and dragleave
const dragged = (event) => event.dataTransfer?.types.includes("Files");
const over = (change) => at("drop").hidden = (depth = Math.max(0, depth + change)) === 0;
addEventListener("dragenter", (event) => dragged(event) && over(1));
addEventListener("dragleave", (event) => dragged(event) && over(-1));
addEventListener("dragover", (event) => dragged(event) && event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  over(-depth);
  take(event.dataTransfer.files);
});
addEventListener("paste", (event) => take(event.clipboardData.files));

for (const type of ["pointermove", "pointerdown"]) at("view").addEventListener(type, hover);
at("view").addEventListener("pointerleave", (event) => {
  if (event.pointerType === "mouse") hover({ clientX: -1, clientY: -1 });
});
at("view").addEventListener("click", (event) => {
  const row = shown && under(event);
  if (row) pin(row.class_id);
});
at("opacity").addEventListener("input", () => {
  at("percent").textContent = `${at("opacity").value}%`;
  draw();
});
at("edges").addEventListener("change", draw);
for (const radio of document.querySelectorAll("[name=show]")) radio.addEventListener("change", draw);
at("save-labels").addEventListener("click", () => {
  save(new Blob([shown.labels], { type: "image/png" }), `${shown.name}_labels.png`);
});
at("save-overlay").addEventListener("click", saveOverlay);

const model = await (await fetch("api/model")).json();
limits = model;
at("model").textContent = `${model.name}, ${model.classes.length - 1} classes`;
const most = [`${model.max_bytes / 1e6}\u00a0MB`, `${model.max_megapixels}\u00a0megapixels`];
at("limits").textContent = `JPEG, PNG, WebP, TIFF, BMP or GIF, up to ${most[0]}; above ${most[1]} they are shrunk`;
