// Draws a picture and its classes on a canvas: no state, and nothing else of the page.

const SHORTEST = 1000, LONGEST = 1600; // pixels of the view's longer side
const LIT = 256, SHADED = 512; // added to a pixel's value on the upper or left, and on the other side of a boundary
const VEIL = 0.72; // opacity over classes that are not highlighted
const WHITE = [255, 255, 255], BLACK = [0, 0, 0], DARK = [13, 17, 23];

// Gives a canvas the shape of a picture, at a size that shows details and draws quickly.
export function fit(canvas, width, height) {
  const longer = Math.max(width, height), scale = Math.min(LONGEST, Math.max(SHORTEST, longer)) / longer;
  [canvas.width, canvas.height] = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
}

// Returns the values of a width x height view, by nearest neighbour; LIT and SHADED along boundaries.
export function marked(picture, width, height) {
  const near = new Uint16Array(width * height);
  const columns = Uint32Array.from({ length: width }, (_, x) => Math.floor(((x + 0.5) * picture.width) / width));
  for (let y = 0, to = 0; y < height; y++) {
    const row = Math.floor(((y + 0.5) * picture.height) / height) * picture.width;
    for (let x = 0; x < width; x++, to++) near[to] = picture.values[row + columns[x]];
  }
  const values = near.slice();
  const part = (first, second) => {
    if (near[first] === near[second]) return;
    values[first] = near[first] | LIT; // a pixel is the first of its pairs after it has been the second of others
    values[second] = near[second] | SHADED;
  };
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to++) {
      if (x + 1 < width) part(to, to + 1);
      if (y + 1 < height) part(to, to + width);
    }
  }
  return values;
}

// Returns the ink over a pixel, by its marked value: 0xAABBGGRR, as little-endian machines store RGBA. `chosen` is the
// highlighted class, or null.
export function inks(legend, opacity, edges, chosen) {
  const table = new Uint32Array(LIT + SHADED);
  const ink = ([red, green, blue], a) => ((Math.round(255 * a) << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  for (const { class_id: value, colour } of legend) {
    const rgb = [1, 3, 5].map((start) => parseInt(colour.slice(start, start + 2), 16));
    const dimmed = chosen !== null && chosen !== value;
    table[value] = dimmed ? ink(DARK, VEIL) : ink(rgb, value ? opacity : 0); // 'other' lets the picture through
    // One of the two shows on any picture.
    table[value + LIT] = edges && !dimmed ? ink(WHITE, 0.9) : table[value];
    table[value + SHADED] = edges && !dimmed ? ink(BLACK, 0.9) : table[value];
  }
  return table;
}

// Draws the picture and, if there is a view of the canvas's size, the table's inks over it.
export function paint(canvas, picture, view, table) {
  const { width, height } = canvas, context = canvas.getContext("2d");
  context.fillStyle = "white"; // transparent pixels are white to the model as well
  context.fillRect(0, 0, width, height);
  context.drawImage(picture, 0, 0, width, height);
  if (!view) return;
  const layer = new OffscreenCanvas(width, height), pixels = new ImageData(width, height);
  const words = new Uint32Array(pixels.data.buffer);
  for (let i = 0; i < words.length; i++) words[i] = table[view[i]];
  layer.getContext("2d").putImageData(pixels, 0, 0);
  context.drawImage(layer, 0, 0);
}
