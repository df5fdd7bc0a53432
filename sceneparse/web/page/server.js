// Asks the server to segment a picture, and decodes its answer.

export async function segment(file) {
  let response;
  try {
    response = await fetch("api/segment", { method: "POST", body: file });
  } catch {
    const readable = await file.slice(0, 1).arrayBuffer().then(() => true, () => false);
    throw new Error(
      readable
        ? "the server does not answer: is sceneparse web still running?"
        : "it cannot be read: it is a folder, or has changed since",
    );
  }
  const answer = await response.json().catch(() => ({ error: `the server failed (${response.status})` }));
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

export async function open(file, answer) {
  const own = answer.picture ? new Blob([bytes(answer.picture)], { type: "image/jpeg" }) : file;
  const picture = await createImageBitmap(own);
  const values = await inflated(bytes(answer.values));
  const name = file.name.replace(/\.[^.]*$/, "") || "picture";
  return { ...answer, name, picture, values, labels: bytes(answer.labels) };
}

const bytes = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

async function inflated(content) {
  const stream = new Blob([content]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
