// Dialog with an item's pictures, large. Left and right change the picture, up and down the item, Escape closes. An item
// has an article, whose parts the dialog repeats, and the style of its stage. What the stage shows is up to the page.
const SWIPE = 50; // pixels
class Zoom {
  constructor(dialog) {
    const [form, stage] = ["form", ".stage"].map((part) => dialog.querySelector(part));
    Object.assign(this, { dialog, form, stage, image: stage.appendChild(made("img")) });
    form.addEventListener("input", () => this.show());
    form.addEventListener("submit", (event) => event.preventDefault());
    for (const button of all("[data-by]", dialog)) button.addEventListener("click", () => this.move(Number(button.dataset.by)));
    dialog.querySelector(".close").addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    dialog.addEventListener("keydown", (event) => {
      const turn = { ArrowLeft: [this.turn, -1], ArrowRight: [this.turn, 1], ArrowUp: [this.move, -1], ArrowDown: [this.move, 1] };
      if (!turn[event.key] || event.target.type === "range") return;
      event.preventDefault();
      const [act, by] = turn[event.key];
      act.call(this, by);
    });
    stage.addEventListener("pointerdown", (event) => (this.start = event));
    stage.addEventListener("pointerup", (event) => {
      const [x, y] = [event.clientX - this.start?.clientX, event.clientY - this.start?.clientY];
      if (event.pointerType === "touch" && Math.abs(x) > SWIPE && Math.abs(x) > 2 * Math.abs(y)) this.move(x < 0 ? 1 : -1);
    });
  }

  // Let a click on `opener`, or Enter there, open an item. `list` returns the items to go through, `choice` its picture.
  adopt(opener, item, list, choice) {
    const open = () => this.open(item, list, choice());
    opener.addEventListener("click", open);
    opener.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.target !== opener) return;
      event.preventDefault(); // or the same key presses the dialog's first button
      open();
    });
  }

  // Put a picture into a button that opens an item.
  wrap(picture, name, item, list, choice) {
    const opener = made("button", { type: "button", className: "enlarge", title: "Enlarge", ariaLabel: `Enlarge ${name}` });
    picture.replaceWith(opener);
    opener.append(picture);
    this.adopt(opener, item, list, choice);
  }

  open(item, list, choice) {
    this.list = list;
    this.form.elements.picture.value = choice;
    this.dialog.showModal();
    this.hold(item);
  }

  hold(item) {
    const { dialog, stage } = this;
    this.item = item;
    stage.style.cssText = item.style;
    for (const part of [".head", ".legend", ".files"])
      dialog.querySelector(part).replaceChildren(...all(`${part} > *`, item.article).map((child) => child.cloneNode(true)));
    const items = this.list();
    dialog.querySelector(".place").textContent = `${items.indexOf(item) + 1} of ${items.length}`;
    this.show();
  }

  // The next item of the list, or the one before; after the last comes the first.
  move(by) {
    const items = this.list();
    this.hold(items.at((items.indexOf(this.item) + by) % items.length));
  }

  // The next picture of the item, or the one before.
  turn(by) {
    const choices = [...this.form.elements.picture];
    const at = choices.findIndex((choice) => choice.checked);
    choices.at((at + by) % choices.length).checked = true;
    this.show();
  }
}
