// A comparison's pictures enlarge: of each scene the image, the truth and both predictions.
class Pair {
  constructor(article) {
    Object.assign(this, { article, images: all("img", article) });
  }

  get style() {
    const [{ naturalWidth, naturalHeight }] = this.images;
    return `--ratio: ${naturalWidth} / ${naturalHeight}; cursor: default`;
  }
}

class PairZoom extends Zoom {
  show() {
    const at = Number(this.form.elements.picture.value);
    const { src, alt } = this.item.images[at];
    Object.assign(this.image, { src, alt, className: at ? "map" : "" });
  }
}

const dialog = document.getElementById("zoom");
if (dialog) {
  const zoom = new PairZoom(dialog);
  const pairs = all(".pair").map((article) => new Pair(article));
  for (const pair of pairs)
    for (const [at, image] of pair.images.entries()) zoom.wrap(image, image.alt, pair, () => pairs, () => String(at));
}
await draw();
