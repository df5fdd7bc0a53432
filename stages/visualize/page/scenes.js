// Scenes: class maps, and pictures of them under the controls. Maps are read from the pictures' colours: every class has
// its own.
const rgb = colours.map((text) => parseInt(text.slice(1), 16));
const values = new Map(rgb.map((code, value) => [code, value]));
async function classMap(picture) {
  await picture.decode();
  const canvas = made("canvas", { width: picture.naturalWidth, height: picture.naturalHeight });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  return Uint8Array.from({ length: data.length / 4 }, (_, at) => {
    return values.get((data[4 * at] << 16) | (data[4 * at + 1] << 8) | data[4 * at + 2]);
  });
}
const [WRONG, UNKNOWN, VEIL] = [0xff8c00, 0x808080, 0x14171c]; // orange on gray: also for who confuses red and green
const VEILED = 0.8;
const code = (number, share) =>
  (Math.round(255 * share) << 24) | ((number & 0xff) << 16) | (number & 0xff00) | (number >> 16);

// What is laid over a scene's image: classes, or errors, of the classes in `lit`, or of all; a veil over the others.
function paint(canvas, { truth, prediction, width, height }, { mode, opacity, boundaries }, lit) {
  Object.assign(canvas, { width, height });
  const shown = mode === "prediction" ? prediction : truth;
  const context = canvas.getContext("2d", { willReadFrequently: true }); // kept off the GPU
  const picture = context.createImageData(width, height);
  const pixels = new Uint32Array(picture.data.buffer);
  const painted = rgb.map((number, value) => code(number, value ? opacity : 0));
  const [wrong, unknown, veil] = [code(WRONG, opacity), code(UNKNOWN, opacity), code(VEIL, VEILED)];
  const [white, black] = [code(0xffffff, 1), code(0, 1)]; // on both sides of a boundary: one shows on any picture
  const on = rgb.map((_, value) => !lit.size || lit.has(value));
  if (mode !== "image" || lit.size)
    for (let y = 0, at = 0; y < height; y++)
      for (let x = 0; x < width; x++, at++) {
        const value = shown[at];
        if (!on[value] && !(mode === "errors" && on[prediction[at]])) {
          pixels[at] = veil;
          continue;
        }
        if (mode === "image") continue;
        const before = (x + 1 < width && value !== shown[at + 1]) || (y + 1 < height && value !== shown[at + width]);
        const behind = (x > 0 && value !== shown[at - 1]) || (y > 0 && value !== shown[at - width]);
        if (boundaries && (before || behind)) pixels[at] = before ? white : black;
        else if (mode !== "errors") pixels[at] = painted[value];
        else if (!value) pixels[at] = unknown;
        else if (value !== prediction[at]) pixels[at] = wrong;
      }
  context.putImageData(picture, 0, 0);
}

// Picture of a scene: the image, what is laid over it, and the classes at the pointer. A finger hides more than a mouse.
const [NEAR, FAR] = [14, 48]; // pixels between the place and the text about it
class Picture {
  constructor(stage) {
    this.stage = stage;
    this.canvas = stage.appendChild(made("canvas", { ariaHidden: true }));
    this.cross = stage.appendChild(made("span", { className: "cross" }));
    this.at = stage.appendChild(made("span", { className: "at", role: "status" }));
    this.place = [0.5, 0.5];
    for (const name of ["pointermove", "pointerdown"])
      stage.addEventListener(name, (event) => {
        if (event.target.closest("button")) return this.leave();
        const box = stage.getBoundingClientRect();
        const place = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
        this.point(place, false, event.pointerType === "touch" ? FAR : NEAR);
      });
    stage.addEventListener("pointerleave", (event) => event.pointerType !== "touch" && this.leave());
    stage.addEventListener("blur", () => this.leave());
  }

  leave() {
    for (const mark of [this.at, this.cross]) mark.classList.remove("on");
  }

  point(place, withKeys, distance) {
    if (!this.scene) return;
    this.place = place.map((share) => Math.min(0.999, Math.max(0, share)));
    const [x, y] = this.place;
    const { truth, prediction, width, height } = this.scene;
    const at = Math.floor(y * height) * width + Math.floor(x * width);
    this.at.textContent = `truth: ${names[truth[at]]} · prediction: ${names[prediction[at]]}`;
    this.at.classList.add("on");
    this.cross.classList.toggle("on", withKeys);
    for (const mark of [this.at, this.cross]) [mark.style.left, mark.style.top] = [`${100 * x}%`, `${100 * y}%`];
    this.at.style.transform = `translate(${-100 * x}%, ${y < 0.5 ? `${distance}px` : `calc(-100% - ${distance}px)`})`;
  }

  show(settings, lit) {
    paint(this.canvas, this.scene, settings, lit);
    this.stage.classList.toggle("errors", settings.mode === "errors");
  }
}

// Scene of the gallery, in its article.
class Scene extends Picture {
  constructor(article, truth, prediction) {
    super(article.querySelector(".stage"));
    const { stage } = this;
    const { naturalWidth: width, naturalHeight: height } = stage.querySelector(".truth");
    const image = stage.querySelector(".image");
    Object.assign(this, { article, image, style: stage.style.cssText, scene: { truth, prediction, width, height } });
    stage.append(made("button", { type: "button", className: "open", textContent: "⤢", title: "Enlarge", ariaLabel: "Enlarge" }));
    stage.tabIndex = 0;
    stage.role = "group";
    stage.ariaLabel = `${image.alt}; the arrow keys read the classes, Enter enlarges`;
    stage.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (event.key === "Escape") this.leave();
      if (!by) return;
      event.preventDefault();
      this.point(this.place.map((share, axis) => share + 0.02 * by[axis]), true, NEAR);
    });
  }
}
