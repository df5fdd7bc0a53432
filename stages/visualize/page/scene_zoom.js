// The report's enlarged pictures: a scene of the gallery with all its pictures, or the thumbnail of another image.
const GROWN = 4; // times a thumbnail's own size at most
class SceneZoom extends Zoom {
  constructor(dialog, gallery) {
    super(dialog);
    Object.assign(this, { gallery, picture: new Picture(this.stage) });
    this.image.className = "image"; // gray under errors
    for (const scene of gallery?.scenes ?? []) this.adopt(scene.stage, scene, () => gallery.shown, () => this.mode);
    this.form.elements.opacity.addEventListener("input", (event) => {
      gallery.view.elements.opacity.value = event.target.value;
      gallery.show();
    });
  }

  // What the gallery shows now.
  get mode() {
    return this.gallery?.settings.mode ?? "prediction";
  }

  hold(item) {
    const { dialog, picture, gallery } = this;
    const { scene } = item;
    picture.leave();
    Object.assign(picture, { scene });
    picture.canvas.hidden = !scene;
    this.stage.classList.remove("errors");
    for (const part of all(".full", dialog)) part.hidden = !scene;
    dialog.querySelector(".small").hidden = Boolean(scene);
    Object.assign(this.image, { src: item.image.src, alt: item.image.alt });
    super.hold(item);
    if (!scene) return;
    for (const entry of all(".legend li", dialog)) entry.replaceChildren(...entry.firstChild.childNodes);
    gallery.legend(dialog);
    gallery.classes.changed();
  }

  turn(by) {
    if (this.item.scene) super.turn(by);
  }

  show() {
    if (!this.dialog.open || !this.item.scene) return;
    const { opacity, boundaries } = this.gallery.settings;
    this.form.elements.opacity.value = 100 * opacity;
    const settings = { mode: this.form.elements.picture.value, opacity, boundaries };
    this.picture.show(settings, this.gallery.classes.lit);
  }
}

// Image of the table of all images that has no scene in the gallery.
class Row {
  constructor(row) {
    const [id, picture, category, ...scores] = [...row.cells].map((cell) => cell.textContent);
    const thumbnail = row.querySelector("img");
    const [width, height] = ["width", "height"].map((side) => thumbnail.getAttribute(side));
    this.image = { src: thumbnail.src, alt: `${id}: prediction` };
    this.style = `--ratio: ${width} / ${height}; --most: ${GROWN * width}px; cursor: default`;
    const title = made("h4", { textContent: id });
    if (category) title.append(" ", made("span", { textContent: category }));
    const [accuracy, mean] = scores.map((textContent) => made("b", { textContent }));
    const said = made("span");
    said.append("accuracy ", accuracy, " \u2002mIoU ", mean);
    const head = made("div", { className: "head" });
    head.append(title, said);
    this.article = made("article");
    this.article.append(head);
  }
}

const dialog = document.getElementById("zoom");
if (dialog) {
  const scenes = await Promise.all(
    all("#scenes article").map(async (article) => {
      const maps = await Promise.all([".truth", ".prediction"].map((kind) => classMap(article.querySelector(kind))));
      return new Scene(article, ...maps);
    }),
  );
  const gallery = scenes.length ? new Gallery(document.getElementById("view"), document.getElementById("find"), scenes) : null;
  const zoom = new SceneZoom(dialog, gallery);
  if (gallery) gallery.zoom = zoom;

  // A row opens its scene, or its thumbnail; up and down go through the rows as they are sorted and filtered.
  const own = new Map(scenes.map((scene) => [scene.article.dataset.id, scene]));
  const rows = all("#image-table tbody tr");
  const items = new Map(rows.map((row) => [row, own.get(row.cells[0].dataset.value) ?? new Row(row)]));
  const list = () => all("#image-table tbody tr:not([hidden])").map((row) => items.get(row));
  for (const [row, item] of items)
    zoom.wrap(row.querySelector("img"), row.cells[0].dataset.value, item, list, () => zoom.mode);
}
await draw();
