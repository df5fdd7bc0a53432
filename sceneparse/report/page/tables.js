// Tables: a heading sorts by its column, numbers descending at first; rows without a value stay at the end.
for (const table of all(".sortable")) {
  const body = table.tBodies[0];
  for (const heading of all("thead th", table).filter((cell) => cell.textContent)) {
    const sorter = Object.assign(document.createElement("button"), { type: "button", textContent: heading.textContent });
    heading.replaceChildren(sorter);
    sorter.addEventListener("click", () => {
      const numeric = heading.classList.contains("number");
      const first = numeric ? "descending" : "ascending";
      const order = heading.ariaSort === first ? (numeric ? "ascending" : "descending") : first;
      for (const sorted of all("[aria-sort]", table)) sorted.removeAttribute("aria-sort");
      heading.ariaSort = order;
      const value = (row) => row.cells[heading.cellIndex].dataset.value;
      const sign = order === "ascending" ? 1 : -1;
      const rows = [...body.rows].sort((a, b) => {
        const [left, right] = [value(a), value(b)];
        if (left === "" || right === "") return (left === "") - (right === "");
        return sign * (numeric ? left - right : left.localeCompare(right, "en"));
      });
      body.append(...rows);
    });
  }
}
for (const box of all("[data-table]")) {
  const rows = [...document.getElementById(box.dataset.table).tBodies[0].rows];
  const count = document.querySelector(`[data-of="${box.dataset.table}"]`);
  box.parentElement.hidden = false;
  box.addEventListener("input", () => {
    const wanted = box.value.trim().toLowerCase();
    const words = (row) => [...row.cells].filter((cell) => !cell.classList.contains("number")).map((cell) => cell.textContent);
    for (const row of rows) row.hidden = !words(row).some((text) => text.toLowerCase().includes(wanted));
    count.textContent = wanted ? `${rows.filter((row) => !row.hidden).length} of ${rows.length}` : "";
  });
}

// A box whose content is wider than itself says that it scrolls.
const boxes = all(".scroll");
const measure = () => boxes.forEach((box) => box.toggleAttribute("data-wider", box.scrollWidth > box.clientWidth + 1));
const watched = new ResizeObserver(measure);
for (const box of boxes) for (const part of [box, ...box.children]) watched.observe(part);
