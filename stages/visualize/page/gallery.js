// Gallery: what all its pictures show, which classes stand out, and which scenes are shown. The filter is in the address,
// after the place on the page: #scenes&class=5&category=street&id=004&from=20&to=80. A class is its annotation value.
class Gallery {
  constructor(view, filter, scenes) {
    Object.assign(this, { view, filter, scenes, shown: scenes });
    this.classes = new Emphasis(() => this.show());
    for (const scene of scenes) this.legend(scene.article);
    view.addEventListener("input", () => this.show());
    filter.addEventListener("input", () => this.choose(true));
    filter.addEventListener("reset", () => setTimeout(() => this.choose(true)));
    for (const form of [view, filter]) {
      form.addEventListener("submit", (event) => event.preventDefault());
      form.hidden = false;
    }
    window.addEventListener("hashchange", () => this.read());
    this.read();
    this.show();
  }

  legend(within) {
    for (const entry of all(".legend [data-value]", within)) this.classes.adopt(entry, Number(entry.dataset.value));
  }

  get settings() {
    const { mode, opacity, boundaries } = this.view.elements;
    return { mode: mode.value, opacity: opacity.value / 100, boundaries: boundaries.checked };
  }

  show() {
    const { settings, classes } = this;
    this.view.querySelector("output").textContent = `${this.view.elements.opacity.value}%`;
    for (const scene of this.shown) scene.show(settings, classes.lit);
    const chips = [...classes.pinned].map((value) => {
      const chip = made("button", { type: "button", title: "Unpin" });
      chip.append(made("i", { className: "swatch" }), names[value], " ×");
      chip.firstChild.style.background = colours[value];
      chip.addEventListener("click", () => classes.pin(value));
      return chip;
    });
    const pins = document.getElementById("pins");
    pins.hidden = !chips.length;
    pins.replaceChildren(...(chips.length ? ["Highlighted ", ...chips] : []));
    this.zoom?.show();
  }

  // Show the scenes that fit the filter.
  choose(write) {
    const { class: value, category, id, from, to } = this.filter.elements;
    const [least, most] = [from, to].map((slider) => slider.valueAsNumber).sort((a, b) => a - b);
    for (const slider of [from, to]) slider.nextElementSibling.textContent = `${slider.value}%`;
    const wanted = id.value.trim().toLowerCase();
    const fits = ({ id, category: own, score, classes }) =>
      id.toLowerCase().includes(wanted) &&
      (!category?.value || own === category.value) &&
      (!value.value || classes.split(" ").includes(value.value)) &&
      100 * score >= least &&
      100 * score <= most;
    for (const { article } of this.scenes) article.hidden = !fits(article.dataset);
    for (const group of all(".group")) group.hidden = !group.querySelector("article:not([hidden])");
    this.shown = this.scenes.filter(({ article }) => !article.hidden);
    document.getElementById("shown").textContent = `${this.shown.length} of ${this.scenes.length} scenes`;
    this.show();
    if (write) this.write("scenes");
  }

  // Values of the filter that differ from their defaults.
  get query() {
    const fields = [...this.filter.elements].filter((field) => field.name && field.value !== (field.dataset.all ?? ""));
    return new URLSearchParams(fields.map((field) => [field.name, field.value])).toString();
  }

  write(place) {
    const { query } = this;
    history.replaceState(null, "", `#${query ? `${place}&${query}` : place}`);
  }

  // Take the filter from the address; one without a filter, such as a link of this page, keeps it.
  read() {
    const [place, ...parts] = location.hash.slice(1).split("&");
    if (!parts.length) {
      if (this.query) this.write(place);
      return this.choose(false);
    }
    const given = new URLSearchParams(parts.join("&"));
    for (const field of this.filter.elements)
      if (field.name) field.value = given.get(field.name) ?? field.dataset.all ?? "";
    this.choose(true);
    document.getElementById("scenes").scrollIntoView();
  }
}
