// The strip of pictures: a thumbnail, the name and the state of each. One stop for Tab; arrows go along it.

import { at, make } from "./dom.js";
import { current, pictures, remove, select } from "./pictures.js";

const THUMBNAIL = [192, 128]; // pixels: twice its size on the page
const SAID = { waiting: "to come", working: "to come", done: "done", refused: "refused" };

const items = new Map(); // of pictures: { item, tile, said, canvas }
let thumbnails = Promise.resolve(); // one after another

export function begin() {
  at("pictures").addEventListener("keydown", (event) => {
    if (event.target.className !== "tile") return;
    const place = pictures.indexOf(current), last = pictures.length - 1;
    const places = { ArrowLeft: place - 1, ArrowRight: place + 1, Home: 0, End: last };
    if (event.key === "Delete") drop(current);
    else if (event.key in places) select(pictures[Math.min(Math.max(places[event.key], 0), last)]);
    else return;
    event.preventDefault();
    items.get(current)?.tile.focus();
  });
  at("refused-remove").addEventListener("click", () => drop(current));
}

// Removes a picture; the focus goes to the next one, or to the start.
function drop(entry) {
  remove(entry);
  (items.get(current)?.tile ?? at("choose")).focus();
}

// A picture that is refused for a passing reason has merely stopped.
const word = ({ state, again }) => (state === "refused" && again ? "stopped" : SAID[state]);

// Brings the strip up to date with a picture; `largest`: bytes of files of which there is no thumbnail.
export function update(entry, largest) {
  if (entry.state === "removed") {
    items.get(entry)?.item.remove();
    items.delete(entry);
  } else {
    describe(entry, items.get(entry) ?? added(entry, largest));
  }
  at("strip").hidden = at("tools").hidden = !pictures.length;
  at("several").hidden = pictures.length < 2;
  const states = Map.groupBy(pictures, word);
  const counts = ["done", "to come", "stopped", "refused"].filter((state) => states.has(state));
  const parts = counts.map((state) => `${states.get(state).length} ${state}`);
  at("count").textContent = `${pictures.length} pictures: ${parts.join(", ")}`;
  at("save-all").disabled = !pictures.some(({ legend }) => legend);
}

function describe(entry, { item, tile, said, canvas, cross }) {
  const { file, state, reason, answer } = entry, here = entry === current;
  const was = item.dataset.state, wasHere = tile.ariaCurrent === "true";
  item.dataset.state = state;
  said.textContent = `, ${word(entry)}${state === "refused" ? `: ${reason}` : ""}`;
  tile.title = state === "refused" ? `${file.name}: ${reason}` : file.name;
  tile.setAttribute("aria-current", String(here));
  tile.tabIndex = cross.tabIndex = here ? 0 : -1;
  if (here && !wasHere) item.scrollIntoView({ block: "nearest", inline: "nearest" });
  if (was !== state && answer?.picture) draw(canvas, answer.picture); // the browser may not show the file itself
}

function added(entry, largest) {
  const { name, size } = entry.file;
  const canvas = make("canvas", { width: THUMBNAIL[0], height: THUMBNAIL[1] });
  const said = make("span", { className: "unseen" });
  const tile = make("button", { type: "button", className: "tile" }, canvas, make("b", { textContent: name }), said);
  tile.setAttribute("aria-keyshortcuts", "Delete");
  tile.addEventListener("click", () => select(entry));
  const cross = make("button", { type: "button", className: "remove", title: "Remove", textContent: "×" });
  cross.setAttribute("aria-label", `Remove ${name}`);
  cross.addEventListener("click", () => drop(entry));
  const item = make("li", {}, tile, cross);
  at("pictures").append(item);
  items.set(entry, { item, tile, said, canvas, cross });
  if (size <= largest) draw(canvas, entry.file);
  return items.get(entry);
}

// Fills a thumbnail with the middle of a picture.
function draw(canvas, content) {
  thumbnails = thumbnails.then(async () => {
    if (!canvas.isConnected) return;
    const picture = await createImageBitmap(content).catch(() => null); // not every browser shows every format
    if (!picture) return;
    const scale = Math.max(canvas.width / picture.width, canvas.height / picture.height);
    const [width, height] = [canvas.width / scale, canvas.height / scale];
    const left = (picture.width - width) / 2, top = (picture.height - height) / 2;
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(picture, left, top, width, height, 0, 0, canvas.width, canvas.height);
    picture.close();
    canvas.classList.add("drawn");
  });
}
