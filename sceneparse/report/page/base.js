// The page's data, its colours and theme, and emphasis by pointer and click. The page inlines these scripts in the order
// of report.py, in one module. Without them it shows its text and pictures.
const { names, colours, charts } = JSON.parse(document.getElementById("data").textContent);
const root = document.documentElement;
root.classList.add("js");
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const made = (tag, properties = {}) => Object.assign(document.createElement(tag), properties);

const probe = document.body.appendChild(made("i", { hidden: true }));
function colour(css) {
  probe.style.color = css;
  return getComputedStyle(probe).color;
}

// Theme: the system's, until the button is pressed. `themed` are called after each change.
const themed = [];
const dark = () => (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
const button = document.getElementById("theme");
const label = () => (button.textContent = dark() ? "Light theme" : "Dark theme");
const changed = () => [label, ...themed].forEach((follow) => follow());
button.hidden = false;
button.addEventListener("click", () => {
  root.dataset.theme = dark() ? "light" : "dark";
  changed();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
label();

// Emphasis on some keys of a legend: those pinned by a click, and the one at the pointer or with the focus. After each
// change `show` gets the set of both; it is empty where all count the same.
class Emphasis {
  constructor(show) {
    Object.assign(this, { show, pinned: new Set(), at: null, entries: [] });
  }

  get lit() {
    return new Set(this.at === null ? this.pinned : [...this.pinned, this.at]);
  }

  point(key) {
    if (key === this.at) return;
    this.at = key;
    this.changed();
  }

  pin(key) {
    if (!this.pinned.delete(key)) this.pinned.add(key);
    this.changed();
  }

  changed() {
    const { lit } = this;
    this.entries = this.entries.filter(({ button }) => button.isConnected);
    for (const { button, key } of this.entries) {
      button.ariaPressed = this.pinned.has(key);
      button.classList.toggle("faded", lit.size > 0 && !lit.has(key));
    }
    this.show(lit);
  }

  // Make a button of a legend's entry.
  adopt(entry, key) {
    const button = made("button", { type: "button", className: "entry", ariaPressed: this.pinned.has(key) });
    button.append(...entry.childNodes);
    entry.append(button);
    this.entries.push({ button, key });
    button.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && this.point(key));
    button.addEventListener("pointerleave", () => this.point(null));
    button.addEventListener("focus", () => button.matches(":focus-visible") && this.point(key));
    button.addEventListener("blur", () => this.point(null));
    button.addEventListener("click", () => this.pin(key));
  }
}
