// The ways in which pictures come: chosen, dropped, pasted, or one of the samples.

import { at, make } from "./dom.js";

let take = () => {}; // takes an array of files

// `samples`: names of drawn scenes to offer; none if the model was trained on other pictures.
export function begin(taker, samples) {
  take = taker;
  const choose = () => at("file").click();
  at("start").addEventListener("click", choose);
  at("another").addEventListener("click", choose);
  at("file").addEventListener("change", () => {
    take([...at("file").files]);
    at("file").value = ""; // or choosing the same file again would change nothing
  });
  addEventListener("paste", (event) => take([...event.clipboardData.files]));
  listenForDrops();
  at("samples").hidden = !samples.length;
  at("samples").append(...samples.map(sample));
  at("samples").addEventListener("click", (event) => event.stopPropagation());
}

function listenForDrops() {
  let depth = 0; // each crossed element sends dragenter and dragleave
  const dragged = (event) => event.dataTransfer?.types.includes("Files");
  const over = (change) => at("drop").hidden = (depth = Math.max(0, depth + change)) === 0;
  addEventListener("dragenter", (event) => dragged(event) && over(1));
  addEventListener("dragleave", (event) => dragged(event) && over(-1));
  addEventListener("dragover", (event) => dragged(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    over(-depth);
    take([...event.dataTransfer.files]);
  });
}

function sample(name) {
  const path = `samples/${name}.jpg`;
  const picture = make("img", { src: path, alt: "", width: 108, height: 72, loading: "lazy" });
  const button = make("button", { type: "button" }, picture, make("span", { textContent: name }));
  button.setAttribute("aria-label", `Sample picture: ${name}`);
  button.addEventListener("click", async () => {
    const content = await fetch(path).then((response) => response.blob(), () => null);
    take([new File(content ? [content] : [], `${name}.jpg`, { type: "image/jpeg" })]);
  });
  return make("li", {}, button);
}
