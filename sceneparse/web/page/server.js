// Asks the server to segment a picture, and decodes its answer.

const PASSING = [408, 429, 500, 502, 503, 504]; // statuses after which trying again can help

// An error with `again`: whether trying again can help; and `gone`: whether no server answers.
const failure = (message, again = false, gone = false) => Object.assign(new Error(message), { again, gone });

// Returns the answer, its files as blobs, and their bytes together. `confidence` asks for each pixel's as well.
export async function segment(file, confidence, signal) {
  let response;
  try {
    response = await fetch(`api/segment?confidence=${confidence}`, { method: "POST", body: file, signal });
  } catch {
    const readable = await file.slice(0, 1).arrayBuffer().then(() => true, () => false);
    if (!readable) throw failure("it cannot be read: it is a folder, or has changed since");
    throw failure("the server does not answer: is sceneparse web still running?", true, true);
  }
  const answer = await response.json().catch(() => ({ error: `the server failed (${response.status})` }));
  if (!response.ok) throw failure(answer.error, PASSING.includes(response.status));
  const labels = blob(answer.labels, "image/png"), values = blob(answer.values);
  const picture = answer.picture && blob(answer.picture, "image/jpeg"), percents = answer.percents && blob(answer.percents);
  const bytes = [labels, values, picture, percents].reduce((sum, part) => sum + (part?.size ?? 0), 0);
  return { ...answer, labels, values, picture, percents, bytes };
}

// Returns the answer with its pixels: `picture` as a bitmap, `values` and `percents` as bytes.
export async function open(file, answer) {
  const { width, height } = answer;
  const picture = await createImageBitmap(answer.picture || file).catch(() => {
    throw failure("this browser cannot show it: save it as JPEG or PNG");
  });
  const [values, percents] = await Promise.all([inflated(answer.values), answer.percents && inflated(answer.percents)]);
  return { answer, width, height, legend: answer.legend, picture, values, percents };
}

// A file's name without its ending, for what is saved of it.
export const stem = (file) => file.name.replace(/\.[^.]*$/, "") || "picture";

const blob = (base64, type) => new Blob([Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))], { type });

async function inflated(content) {
  const stream = content.stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
