// The part of a picture in view, { left, top, width, height } in the picture's pixels: it has the picture's shape.

const FEWEST = 24; // pixels along the longer side at the highest zoom

export const whole = ({ width, height }) => ({ left: 0, top: 0, width, height });

export const zoom = (part, picture) => picture.width / part.width;

export const highest = ({ width, height }) => Math.max(1, Math.max(width, height) / FEWEST);

// Returns a part that is smaller by `factor`; the place x, y, in shares of the view, stays where it is.
export function zoomed(part, picture, factor, x, y) {
  const scale = Math.min(Math.max(zoom(part, picture) * factor, 1), highest(picture));
  const width = picture.width / scale, height = picture.height / scale;
  const left = part.left + x * (part.width - width), top = part.top + y * (part.height - height);
  return inside({ left, top, width, height }, picture);
}

// Returns the part moved right by x and down by y, in shares of the view.
export function moved(part, picture, x, y) {
  return inside({ ...part, left: part.left + x * part.width, top: part.top + y * part.height }, picture);
}

// Returns the picture's pixel at x, y, in shares of the view: [column, row], or null outside.
export function pixel(part, picture, x, y) {
  if (x < 0 || y < 0 || x >= 1 || y >= 1) return null;
  return [
    Math.min(Math.floor(part.left + x * part.width), picture.width - 1),
    Math.min(Math.floor(part.top + y * part.height), picture.height - 1),
  ];
}

function inside(part, { width, height }) {
  const within = (start, length, all) => Math.min(Math.max(start, 0), all - length);
  return { ...part, left: within(part.left, part.width, width), top: within(part.top, part.height, height) };
}
