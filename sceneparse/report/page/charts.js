// Charts. {"css": ...} in their specifications is replaced by that colour in the current theme. The lines whose keys are
// in the param `lit` stand out; the legend sets it, and so do the lines themselves.
function resolved(value) {
  if (Array.isArray(value)) return value.map(resolved);
  if (typeof value?.css === "string") return colour(value.css);
  if (value && typeof value === "object")
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, resolved(inner)]));
  return value;
}

class Figure {
  constructor(place) {
    Object.assign(this, { place, spec: charts[place.dataset.chart] });
    if (!this.spec.params) return;
    this.emphasis = new Emphasis(() => this.light());
    for (const entry of all("[data-series]", place.closest("figure"))) this.emphasis.adopt(entry, entry.dataset.series);
  }

  async draw(options) {
    this.drawn?.finalize();
    this.drawn = await window.vegaEmbed(this.place, resolved(this.spec), options);
    if (!this.emphasis) return;
    const key = (item) => item?.datum?.[this.spec.encoding.color.field] ?? null;
    this.drawn.view.addEventListener("pointerover", (event, item) => this.emphasis.point(key(item)));
    this.drawn.view.addEventListener("pointerout", () => this.emphasis.point(null));
    this.drawn.view.addEventListener("click", (event, item) => key(item) && this.emphasis.pin(key(item)));
    this.light();
  }

  light() {
    this.drawn?.view.signal("lit", [...this.emphasis.lit]).runAsync();
  }
}

const figures = all("[data-chart]").map((place) => new Figure(place));
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
  // A tooltip is beside the mark that it speaks of, never on it.
  const tooltip = { theme: dark() ? "dark" : "light", anchor: "mark", position: ["top", "bottom", "right", "left"], offsetX: 6, offsetY: 6 };
  // ast: no eval, which the page forbids.
  const options = { mode: "vega-lite", ast: true, actions: false, renderer: "svg", config, tooltip };
  for (const figure of figures) await figure.draw(options);
  measure();
  root.dataset.drawn = dark() ? "dark" : "light";
}
themed.push(draw);
