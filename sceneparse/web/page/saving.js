// Files for the user: labels, the view as it looks, and shares of classes as CSV.

import { at, complain } from "./dom.js";
import { current, pictures } from "./pictures.js";
import { whole } from "./part.js";
import { stem } from "./server.js";
import { opened, render, showsConfidence } from "./view.js";

export function begin() {
  at("save-labels").addEventListener("click", () => save(current.answer.labels, `${stem(current.file)}_labels.png`));
  at("save-overlay").addEventListener("click", saveOverlay);
  at("save-shares").addEventListener("click", () => saveShares([current], `${stem(current.file)}_shares.csv`));
  at("save-all").addEventListener("click", () => saveShares(pictures.filter(({ legend }) => legend), "shares.csv"));
}

async function saveOverlay() {
  const result = opened(), canvas = document.createElement("canvas"), name = stem(current.file);
  [canvas.width, canvas.height] = [result.width, result.height];
  const end = showsConfidence() ? "confidence_overlay" : "overlay";
  render(canvas, whole(result));
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  if (blob) save(blob, `${name}_${end}.png`);
  else complain("This browser cannot make so large a picture. The labels can be saved.");
}

function saveShares(entries, name) {
  const rows = entries.flatMap(({ file, legend }) =>
    legend.map((row) => [file.name, row.name, row.share.toFixed(6), row.pixels]));
  const lines = [["file", "class", "share", "pixels"], ...rows].map((row) => `${row.map(cell).join(",")}\n`);
  save(new Blob(lines, { type: "text/csv" }), name);
}

// Returns a cell that no spreadsheet reads as a formula: as csv_cell in sceneparse/core/files.py.
function cell(value) {
  const text = typeof value === "string" && /^[=+\-@\t\r']/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
