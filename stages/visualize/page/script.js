// Charts, theme, sorting and filtering of tables, scenes under a slider. Without it the page shows its text and pictures.
const { names, colours, charts } = JSON.parse(document.getElementById("data").textContent);
const root = document.documentElement;
root.classList.add("js");
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

// Charts. {"css": ...} in their specifications is replaced by that colour in the current theme.
const probe = document.body.appendChild(Object.assign(document.createElement("i"), { hidden: true }));
function colour(css) {
  probe.style.color = css;
  return getComputedStyle(probe).color;
}
function resolved(value) {
  if (Array.isArray(value)) return value.map(resolved);
  if (typeof value?.css === "string") return colour(value.css);
  if (value && typeof value === "object")
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, resolved(inner)]));
  return value;
}
const dark = () => (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
const drawn = new Map();
async function draw() {
  const [text, soft, line] = ["--text", "--soft", "--line"].map((name) => colour(`var(${name})`));
  const labels = { labelColor: soft, titleColor: soft, labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal" };
  const config = {
    background: "transparent",
    font: "system-ui, sans-serif",
    view: { stroke: null },
    axis: { ...labels, gridColor: line, domainColor: line, tickColor: line },
    legend: labels,
    text: { color: text },
  };
  for (const place of all("[data-chart]")) {
    drawn.get(place)?.finalize();
    // ast: no eval, which the page forbids.
    const options = { mode: "vega-lite", ast: true, actions: false, renderer: "svg", config, tooltip: { theme: dark() ? "dark" : "light" } };
    drawn.set(place, await window.vegaEmbed(place, resolved(charts[place.dataset.chart]), options));
  }
  root.dataset.drawn = dark() ? "dark" : "light";
}

// Theme: the system's, until the button is pressed.
const button = document.getElementById("theme");
const label = () => (button.textContent = dark() ? "Light theme" : "Dark theme");
button.hidden = false;
button.addEventListener("click", () => {
  root.dataset.theme = dark() ? "light" : "dark";
  label();
  draw();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  label();
  draw();
});
label();

// Tables: a heading sorts by its column, numbers descending at first; rows without a value stay at the end.
for (const table of all(".sortable")) {
  const body = table.tBodies[0];
  for (const heading of all("thead th", table).filter((cell) => cell.textContent)) {
    const sorter = Object.assign(document.createElement("button"), { type: "button", textContent: heading.textContent });
    heading.replaceChildren(sorter);
    sorter.addEventListener("click", () => {
      const numeric = heading.classList.contains("number");
      const first = numeric ? "descending" : "ascending";
      const order = heading.ariaSort === first ? (numeric ? "ascending" : "descending") : first;
      for (const sorted of all("[aria-sort]", table)) sorted.removeAttribute("aria-sort");
      heading.ariaSort = order;
      const value = (row) => row.cells[heading.cellIndex].dataset.value;
      const sign = order === "ascending" ? 1 : -1;
      const rows = [...body.rows].sort((a, b) => {
        const [left, right] = [value(a), value(b)];
        if (left === "" || right === "") return (left === "") - (right === "");
        return sign * (numeric ? left - right : left.localeCompare(right, "en"));
      });
      body.append(...rows);
    });
  }
}
for (const box of all("[data-table]")) {
  const rows = [...document.getElementById(box.dataset.table).tBodies[0].rows];
  const count = document.querySelector(`[data-of="${box.dataset.table}"]`);
  box.parentElement.hidden = false;
  box.addEventListener("input", () => {
    const wanted = box.value.trim().toLowerCase();
    for (const row of rows) row.hidden = !row.cells[0].textContent.toLowerCase().includes(wanted);
    count.textContent = wanted ? `${rows.filter((row) => !row.hidden).length} of ${rows.length}` : "";
  });
}

// Scenes. Class maps are read from the pictures' colours: every class has its own.
const rgb = colours.map((text) => parseInt(text.slice(1), 16));
const values = new Map(rgb.map((code, value) => [code, value]));
async function classMap(picture) {
  await picture.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: picture.naturalWidth, height: picture.naturalHeight });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  return Uint8Array.from({ length: data.length / 4 }, (_, at) => {
    return values.get((data[4 * at] << 16) | (data[4 * at + 1] << 8) | data[4 * at + 2]);
  });
}
const [WRONG, UNKNOWN] = [0xff8c00, 0x808080]; // orange on gray: also visible to readers who confuse red and green

class Scene {
  constructor(stage, truth, prediction) {
    Object.assign(this, { stage, truth, prediction });
    const { naturalWidth: width, naturalHeight: height } = stage.querySelector(".truth");
    Object.assign(this, { width, height });
    this.canvas = stage.appendChild(Object.assign(document.createElement("canvas"), { width, height }));
    this.canvas.ariaHidden = true;
    this.cross = stage.appendChild(Object.assign(document.createElement("span"), { className: "cross" }));
    this.at = stage.appendChild(Object.assign(document.createElement("span"), { className: "at", role: "status" }));
    this.place = [0.5, 0.5];
    stage.tabIndex = 0;
    stage.role = "group";
    stage.ariaLabel = `${stage.querySelector(".image").alt}; the arrow keys read the classes`;
    stage.addEventListener("pointermove", (event) => {
      const box = stage.getBoundingClientRect();
      this.point([(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height], false);
    });
    stage.addEventListener("pointerleave", () => this.leave());
    stage.addEventListener("blur", () => this.leave());
    stage.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (event.key === "Escape") this.leave();
      if (!by) return;
      event.preventDefault();
      this.point(this.place.map((share, axis) => share + 0.02 * by[axis]), true);
    });
  }

  leave() {
    for (const mark of [this.at, this.cross]) mark.classList.remove("on");
  }

  point(place, withKeys) {
    this.place = place.map((share) => Math.min(0.999, Math.max(0, share)));
    const [x, y] = this.place;
    const at = Math.floor(y * this.height) * this.width + Math.floor(x * this.width);
    this.at.textContent = `truth: ${names[this.truth[at]]} · prediction: ${names[this.prediction[at]]}`;
    this.at.classList.add("on");
    this.cross.classList.toggle("on", withKeys);
    for (const mark of [this.at, this.cross]) [mark.style.left, mark.style.top] = [`${100 * x}%`, `${100 * y}%`];
    this.at.style.transform = `translate(${-100 * x}%, ${y < 0.5 ? "16px" : "calc(-100% - 12px)"})`;
  }

  paint(mode, opacity, boundaries) {
    const { truth, prediction, width, height } = this;
    const shown = mode === "prediction" ? prediction : truth;
    const context = this.canvas.getContext("2d", { willReadFrequently: true }); // kept off the GPU
    const picture = context.createImageData(width, height);
    const pixels = new Uint32Array(picture.data.buffer);
    const code = (number, share) =>
      (Math.round(255 * share) << 24) | ((number & 0xff) << 16) | (number & 0xff00) | (number >> 16);
    const painted = rgb.map((number, value) => code(number, value ? opacity : 0));
    const [wrong, unknown] = [code(WRONG, opacity), code(UNKNOWN, opacity)];
    const [white, black] = [code(0xffffff, 1), code(0, 1)]; // on both sides of a boundary: one shows on any picture
    if (mode !== "image")
      for (let y = 0, at = 0; y < height; y++)
        for (let x = 0; x < width; x++, at++) {
          const value = shown[at];
          const before = (x + 1 < width && value !== shown[at + 1]) || (y + 1 < height && value !== shown[at + width]);
          const behind = (x > 0 && value !== shown[at - 1]) || (y > 0 && value !== shown[at - width]);
          if (boundaries && (before || behind)) pixels[at] = before ? white : black;
          else if (mode !== "errors") pixels[at] = painted[value];
          else if (!value) pixels[at] = unknown;
          else if (value !== prediction[at]) pixels[at] = wrong;
        }
    context.putImageData(picture, 0, 0);
    this.stage.classList.toggle("errors", mode === "errors");
  }
}

const view = document.getElementById("view");
if (view) {
  const scenes = await Promise.all(
    all(".stage").map(async (stage) => {
      const maps = await Promise.all([".truth", ".prediction"].map((kind) => classMap(stage.querySelector(kind))));
      return new Scene(stage, ...maps);
    }),
  );
  const [slider, outlines] = [view.elements.opacity, view.elements.boundaries];
  const show = () => {
    slider.nextElementSibling.textContent = `${slider.value}%`;
    for (const scene of scenes) scene.paint(view.elements.mode.value, slider.value / 100, outlines.checked);
  };
  view.addEventListener("input", show);
  view.addEventListener("submit", (event) => event.preventDefault());
  view.hidden = false;
  show();
}
await draw();
