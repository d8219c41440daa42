// What only a browser knows of a page, as lines of text. Runs in tests only: a report has no script.
const lines = [];
const told = (kind, what) => lines.push(kind + "\t" + what);
const shown = (element) => (element.textContent || "").trim().slice(0, 60);
const texts = [...document.querySelectorAll("main *")].filter(
  (element) => !element.closest("title, style, details") && [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()),
);
told("dark", matchMedia("(prefers-color-scheme: dark)").matches);
told("width", document.documentElement.scrollWidth + " of " + innerWidth);
told("texts", texts.length);

// No text leaves the window, or the picture that it stands in.
for (const element of texts) {
  const box = element.getBoundingClientRect();
  const frame = element.ownerSVGElement ? element.ownerSVGElement.getBoundingClientRect() : { left: 0, right: innerWidth, top: 0, bottom: 1e9 };
  if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1) told("outside", shown(element));
}

// No two texts of a picture stand over each other.
for (const svg of document.querySelectorAll("main svg")) {
  const placed = [...svg.querySelectorAll("text")].map((text) => [text, text.getBoundingClientRect()]);
  for (const [i, [text, a]] of placed.entries())
    for (const [other, b] of placed.slice(i + 1)) {
      const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (wide > 2 && high > 3) told("overlap", shown(text) + " / " + shown(other));
    }
}

// Every text is told apart from what is behind it: WCAG AA, 4.5 to 1.
const channels = (colour) => (colour.match(/[\d.]+/g) || []).map(Number);
const light = (colour) => {
  const [r, g, b] = channels(colour).map((value) => ((value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const opaque = (colour) => colour.startsWith("rgb") && (channels(colour)[3] ?? 1) === 1;
const behind = (element) => {
  const box = element.getBoundingClientRect();
  const stack = document.elementsFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  for (const under of stack.slice(stack.indexOf(element) + 1)) {
    const style = getComputedStyle(under);
    const fill = under.ownerSVGElement && under.tagName !== "text" ? style.fill : style.backgroundColor;
    if (opaque(fill) && style.opacity === "1") return fill;
  }
  return getComputedStyle(document.body).backgroundColor;
};
let least = 99;
for (const element of texts) {
  const style = getComputedStyle(element);
  const [a, b] = [light(element.ownerSVGElement ? style.fill : style.color), light(behind(element))];
  const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  least = Math.min(least, contrast);
  if (contrast < 4.5) told("faint", contrast.toFixed(2) + " " + shown(element));
}
told("contrast", least.toFixed(2));

// Every picture has a name for those who do not see it.
for (const svg of document.querySelectorAll("main svg"))
  if (!svg.getAttribute("aria-label") && svg.getAttribute("aria-hidden") !== "true") told("nameless", svg.outerHTML.slice(0, 60));

const out = document.createElement("pre");
out.id = "measured";
out.textContent = "\n" + lines.join("\n") + "\n";
document.body.append(out);
