// The page: takes pictures, asks the server to segment them, and shows the answers. It loads nothing from other hosts.

import { at, complain, fade, plural, tell } from "./dom.js";
import * as gestures from "./gestures.js";
import * as legend from "./legend.js";
import * as look from "./look.js";
import * as pictures from "./pictures.js";
import * as result from "./result.js";
import * as saving from "./saving.js";
import * as strip from "./strip.js";
import * as taking from "./taking.js";
import { draw } from "./view.js";

const model = await (await fetch("api/model")).json();

function changed(entry) {
  strip.update(entry, model.max_bytes);
  result.update();
  const stopped = pictures.pictures.filter(({ state, again }) => state === "refused" && again);
  if (stopped.length > 1) complain(`${stopped.length} pictures: ${stopped[0].reason}`, pictures.retry);
  else if (!at("again").hidden || entry.state === "removed") complain("");
  if (entry === pictures.current) return;
  if (entry.state === "done") tell(`Done: ${entry.file.name}`);
  if (entry.state === "refused") tell(`${entry.file.name}: ${entry.reason}`);
}

function take(files) {
  if (!files.length) return;
  complain("");
  const left = pictures.add(files);
  if (left) complain(`There is no room for ${plural(left, "more picture", "more pictures")}: remove some first.`);
}

legend.begin(draw);
look.begin(model.heat, draw, () => pictures.want(look.mode() === "confidence"));
pictures.begin(model.max_bytes, changed);
result.begin(model);
strip.begin();
gestures.begin();
saving.begin();
taking.begin(take, model.samples);
fade(at("legend"));
fade(at("pictures"));
at("clear").addEventListener("click", pictures.clear);
at("model").textContent = `${model.name}, ${model.classes.length - 1} classes`;
const most = [`${model.max_bytes / 1e6}\u00a0MB`, `${model.max_megapixels}\u00a0megapixels`];
at("limits").textContent = `JPEG, PNG, WebP, TIFF, BMP or GIF, up to ${most[0]}; above ${most[1]} they are shrunk`;
