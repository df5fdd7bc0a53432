// Small things that several files need.

export const at = (id) => document.getElementById(id);

// Returns a new element with properties and children.
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

export const percent = (share) => (share < 0.001 ? "< 0.1%" : `${(100 * share).toFixed(1)}%`);

export const plural = (count, one, many) => `${count} ${count === 1 ? one : many}`;

// Tells what has happened to those who do not see it.
export function tell(text) {
  at("status").textContent = text;
}

// Shows what is wrong with all of the page, above the pictures; '' for nothing. `again`: what 'Try again' does.
export function complain(text, again = null) {
  at("error").hidden = !text;
  at("error-text").textContent = text;
  at("again").hidden = !again;
  at("again").onclick = again;
}

// Fades an element's edges where it scrolls on beyond them.
export function fade(element) {
  const mark = () => {
    const { scrollTop, scrollLeft, clientHeight, clientWidth, scrollHeight, scrollWidth } = element;
    element.classList.toggle("above", scrollTop > 1);
    element.classList.toggle("below", scrollTop + clientHeight < scrollHeight - 1);
    element.classList.toggle("before", scrollLeft > 1);
    element.classList.toggle("after", scrollLeft + clientWidth < scrollWidth - 1);
  };
  element.addEventListener("scroll", mark, { passive: true });
  new ResizeObserver(mark).observe(element);
  new MutationObserver(mark).observe(element, { childList: true });
  mark();
}
