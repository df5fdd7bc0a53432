// Dialog with a scene's pictures, large. Left and right change the picture, up and down the scene, Escape closes.
const SWIPE = 50; // pixels
class Zoom {
  constructor(dialog, gallery) {
    Object.assign(this, { dialog, gallery, form: dialog.querySelector("form") });
    const stage = dialog.querySelector(".stage");
    this.image = stage.appendChild(made("img"));
    this.picture = new Picture(stage);
    for (const scene of gallery.scenes) {
      scene.stage.addEventListener("click", () => this.open(scene));
      scene.stage.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" || event.target !== scene.stage) return;
        event.preventDefault(); // or the same key presses the dialog's first button
        this.open(scene);
      });
    }
    this.form.addEventListener("input", (event) => {
      if (event.target.name === "opacity") {
        gallery.view.elements.opacity.value = event.target.value;
        gallery.show();
      } else this.show();
    });
    this.form.addEventListener("submit", (event) => event.preventDefault());
    for (const button of all("[data-by]", dialog)) button.addEventListener("click", () => this.move(Number(button.dataset.by)));
    dialog.querySelector(".close").addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    dialog.addEventListener("keydown", (event) => {
      const turn = { ArrowLeft: [this.turn, -1], ArrowRight: [this.turn, 1], ArrowUp: [this.move, -1], ArrowDown: [this.move, 1] };
      if (!turn[event.key] || event.target.type === "range") return;
      event.preventDefault();
      const [act, by] = turn[event.key];
      act.call(this, by);
    });
    stage.addEventListener("pointerdown", (event) => (this.start = event));
    stage.addEventListener("pointerup", (event) => {
      const [x, y] = [event.clientX - this.start?.clientX, event.clientY - this.start?.clientY];
      if (event.pointerType === "touch" && Math.abs(x) > SWIPE && Math.abs(x) > 2 * Math.abs(y)) this.move(x < 0 ? 1 : -1);
    });
  }

  open(scene) {
    scene.leave();
    this.form.elements.picture.value = this.gallery.settings.mode;
    this.dialog.showModal();
    this.hold(scene);
  }

  hold(scene) {
    const { dialog, picture, gallery } = this;
    const { article } = scene;
    Object.assign(this, { scene });
    picture.leave();
    picture.scene = scene.scene;
    picture.stage.style.cssText = scene.stage.style.cssText;
    const image = article.querySelector(".image");
    Object.assign(this.image, { src: image.src, alt: image.alt });
    for (const part of [".head", ".legend", ".files"])
      dialog.querySelector(part).replaceChildren(...all(`${part} > *`, article).map((child) => child.cloneNode(true)));
    for (const item of all(".legend li", dialog)) item.replaceChildren(...item.firstChild.childNodes);
    gallery.legend(dialog);
    const place = gallery.shown.indexOf(scene);
    dialog.querySelector(".place").textContent = `${place + 1} of ${gallery.shown.length}`;
    gallery.classes.changed();
  }

  // The next scene of those shown, or the one before; after the last comes the first.
  move(by) {
    const { shown } = this.gallery;
    this.hold(shown.at((shown.indexOf(this.scene) + by) % shown.length));
  }

  // The next picture of the scene, or the one before.
  turn(by) {
    const choices = [...this.form.elements.picture];
    const at = choices.findIndex((choice) => choice.checked);
    choices.at((at + by) % choices.length).checked = true;
    this.show();
  }

  show() {
    if (!this.dialog.open) return;
    const { opacity, boundaries } = this.gallery.settings;
    this.form.elements.opacity.value = 100 * opacity;
    const settings = { mode: this.form.elements.picture.value, opacity, boundaries };
    this.picture.show(settings, this.gallery.classes.lit);
  }
}

const gallery = document.getElementById("scenes");
if (gallery) {
  const scenes = await Promise.all(
    all("article", gallery).map(async (article) => {
      const maps = await Promise.all([".truth", ".prediction"].map((kind) => classMap(article.querySelector(kind))));
      return new Scene(article, ...maps);
    }),
  );
  const shown = new Gallery(document.getElementById("view"), document.getElementById("find"), scenes);
  shown.zoom = new Zoom(document.getElementById("zoom"), shown);
}
await draw();
