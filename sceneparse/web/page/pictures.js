// The pictures of the strip, their states and results, and the one request at a time that segments them. No page.

import { segment } from "./server.js";

const MOST = 100; // pictures
const KEPT_BYTES = 200e6; // of results; those seen longest ago go first, and are asked for again when they are next seen

// Each { file, state, reason, again, answer, legend, seen }. The state is waiting, working, done or refused: for a
// reason, and `again` says whether trying again can help. A picture that is done keeps its legend, and its answer
// within KEPT_BYTES.
export let pictures = [];
export let current = null;

let changed = () => {}; // called with each picture that changes
let max_bytes = Infinity, confidence = false;
let abort = null; // ends the request at work
let clock = 0;

export function begin(limit, listener) {
  [max_bytes, changed] = [limit, listener];
}

// Adds files as far as there is room, shows the first of them, and returns how many had none.
export function add(files) {
  const taken = files.slice(0, MOST - pictures.length).map((file) => ({ file, state: "waiting", answer: null, legend: null }));
  pictures.push(...taken);
  taken.forEach(changed);
  if (taken.length) select(taken[0]);
  work();
  return files.length - taken.length;
}

// Puts a picture in view; null for none.
export function select(entry) {
  const before = current;
  current = entry;
  if (before && before !== entry) changed(before);
  if (!entry) return;
  entry.seen = ++clock;
  renew();
  changed(entry);
}

export function remove(entry) {
  const place = pictures.indexOf(entry);
  pictures.splice(place, 1);
  if (entry.state === "working") abort.abort();
  entry.state = "removed";
  if (entry === current) select(pictures[place] ?? pictures.at(-1) ?? null);
  changed(entry);
}

export function clear() {
  for (const entry of pictures.slice().reverse()) remove(entry);
}

// Asks again for what was refused for a passing reason.
export function retry() {
  for (const entry of pictures) if (entry.state === "refused" && entry.again) wait(entry);
  work();
}

// Says whether pictures in view are to have a confidence, which takes the server longer.
export function want(on) {
  confidence = on;
  if (!on && current?.answer && current.state !== "working") {
    current.state = "done";
    changed(current);
  }
  renew();
}

export function refuse(entry, { message, again = false }) {
  Object.assign(entry, { state: "refused", reason: message, again });
  changed(entry);
}

// Asks for the picture in view again if its result has gone, or lacks the confidence.
function renew() {
  if (current?.state !== "done" || (current.answer && (current.answer.percents || !confidence))) return;
  wait(current);
  work();
}

function wait(entry) {
  entry.state = "waiting";
  changed(entry);
}

const next = () => (current?.state === "waiting" ? current : pictures.find((entry) => entry.state === "waiting"));

async function work() {
  if (abort) return;
  for (let entry = next(); entry; entry = next()) {
    abort = new AbortController();
    await ask(entry, abort.signal);
  }
  abort = null;
}

async function ask(entry, signal) {
  entry.state = "working";
  changed(entry);
  try {
    if (entry.file.size > max_bytes) {
      throw new Error(`the file is larger than ${max_bytes / 1e6} MB, the most that is taken here`);
    }
    const answer = await segment(entry.file, confidence && entry === current, signal);
    if (entry.state === "removed") return;
    Object.assign(entry, { answer, legend: answer.legend, state: "done" });
    entry.seen ??= 0;
    trim();
    changed(entry);
    renew(); // the confidence may be wanted since
  } catch (error) {
    if (entry.state === "removed") return;
    refuse(entry, error);
    if (error.gone) for (const other of pictures) if (other.state === "waiting") refuse(other, error);
  }
}

function trim() {
  const held = pictures.filter((entry) => entry.answer).sort((first, second) => first.seen - second.seen);
  let bytes = held.reduce((sum, entry) => sum + entry.answer.bytes, 0);
  for (const entry of held) {
    if (bytes <= KEPT_BYTES) return;
    if (entry === current) continue;
    bytes -= entry.answer.bytes;
    entry.answer = null;
  }
}
