// Draws a part of a picture and its classes, or its confidence, on a canvas: no state, and nothing else of the page.

const SHORTEST = 1000, LONGEST = 1600; // pixels of the view's longer side
const LIT = 256, SHADED = 512; // added to a pixel's value on the upper or left, and on the other side of a boundary
const ASIDE = 128; // added to the percent of a pixel that is not of the highlighted class
const VEIL = 0.72; // opacity over classes that are not highlighted
const SHARP = 4; // from so many of the view's pixels for one of the picture's, these show as squares
const WHITE = [255, 255, 255], BLACK = [0, 0, 0], DARK = [13, 17, 23];

// Gives a canvas the shape of a picture, at a size that shows details and draws quickly.
export function fit(canvas, width, height) {
  const longer = Math.max(width, height), scale = Math.min(LONGEST, Math.max(SHORTEST, longer)) / longer;
  [canvas.width, canvas.height] = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
}

// Returns a part of a plane of values, as many to a row as the picture has columns, at the size of a view: nearest
// neighbours.
export function sample(plane, picture, part, { width, height }) {
  const near = new Uint16Array(width * height);
  const columns = Uint32Array.from({ length: width }, (_, x) => Math.floor(part.left + ((x + 0.5) * part.width) / width));
  for (let y = 0, to = 0; y < height; y++) {
    const row = Math.floor(part.top + ((y + 0.5) * part.height) / height) * picture.width;
    for (let x = 0; x < width; x++, to++) near[to] = plane[row + columns[x]];
  }
  return near;
}

// Returns the values of a view with LIT and SHADED along boundaries.
export function outlined(near, { width, height }) {
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

// Returns the percents of a view's pixels, with the boundaries of its classes, and ASIDE unless they are of `chosen`.
export function heated(classes, percents, chosen) {
  const aside = (value) => (chosen !== null && (value & 255) !== chosen ? ASIDE : 0);
  return percents.map((percent, index) => percent | (classes[index] & (LIT | SHADED)) | aside(classes[index]));
}

// Returns the ink over a pixel, by its outlined class. `chosen` is the highlighted class, or null.
export function classInks(legend, opacity, edges, chosen) {
  const table = new Uint32Array(LIT + SHADED);
  for (const { class_id: value, colour } of legend) {
    const dimmed = chosen !== null && chosen !== value;
    const own = dimmed ? ink(DARK, VEIL) : ink(rgb(colour), value ? opacity : 0); // 'other' lets the picture through
    fill(table, value, own, edges && !dimmed);
  }
  return table;
}

// Returns the ink over a pixel, by its heated percent. `heat` has the colours of 0..100.
export function heatInks(heat, opacity, edges) {
  const table = new Uint32Array(LIT + SHADED);
  heat.forEach((colour, percent) => {
    fill(table, percent, ink(rgb(colour), opacity), edges);
    fill(table, percent | ASIDE, ink(DARK, VEIL), false);
  });
  return table;
}

// Draws a part of the picture and, if there is a view of the canvas's size, the table's inks over it.
export function paint(canvas, picture, part, view, table) {
  const { width, height } = canvas, context = canvas.getContext("2d");
  context.fillStyle = "white"; // transparent pixels are white to the model as well
  context.fillRect(0, 0, width, height);
  context.imageSmoothingEnabled = width < SHARP * part.width;
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, part.left, part.top, part.width, part.height, 0, 0, width, height);
  if (!view) return;
  const layer = new OffscreenCanvas(width, height), pixels = new ImageData(width, height);
  const words = new Uint32Array(pixels.data.buffer);
  for (let i = 0; i < words.length; i++) words[i] = table[view[i]];
  layer.getContext("2d").putImageData(pixels, 0, 0);
  context.drawImage(layer, 0, 0);
}

const rgb = (colour) => [1, 3, 5].map((start) => parseInt(colour.slice(start, start + 2), 16));

// An ink is 0xAABBGGRR, as little-endian machines store RGBA.
const ink = ([red, green, blue], a) => ((Math.round(255 * a) << 24) | (blue << 16) | (green << 8) | red) >>> 0;

// One of the two colours of a boundary shows on any picture.
function fill(table, value, own, edges) {
  table[value] = own;
  table[value | LIT] = edges ? ink(WHITE, 0.9) : own;
  table[value | SHADED] = edges ? ink(BLACK, 0.9) : own;
}
