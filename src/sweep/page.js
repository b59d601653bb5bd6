"use strict";
for (const table of document.querySelectorAll("table.sorted")) {
  const heads = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  const value = (row, column) => {
    const cell = row.cells[column];
    return "key" in cell.dataset ? Number(cell.dataset.key) : cell.textContent;
  };
  heads.forEach((head, column) => head.addEventListener("click", () => {
    const up = head.getAttribute("aria-sort") !== "ascending";
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const rows = [...body.rows];
    rows.sort((a, b) => {
      const [x, y] = [value(a, column), value(b, column)];
      if (typeof x !== typeof y) return typeof x === "number" ? -1 : 1; // What has no figure comes last.
      const order = typeof x === "number" ? x - y : x.localeCompare(y, undefined, { numeric: true });
      return up ? order : -order;
    });
    body.append(...rows);
  }));
}
const show = (number, shown) => {
  for (const element of document.querySelectorAll(`[data-number="${number}"]`)) {
    element.classList.toggle("shown", shown);
    if (shown && element.localName === "polyline") element.parentNode.querySelector("line").before(element);
  }
};
for (const element of document.querySelectorAll("[data-number]")) {
  element.addEventListener("mouseenter", () => show(element.dataset.number, true));
  element.addEventListener("mouseleave", () => show(element.dataset.number, false));
}
for (const button of document.querySelectorAll("button.copy")) {
  button.addEventListener("click", () => {
    const range = document.createRange();
    range.selectNodeContents(button.previousElementSibling);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    if (document.execCommand("copy")) button.textContent = "copied";
  });
}
const open = () => {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  if (target && target.localName === "details") target.open = true;
};
addEventListener("hashchange", open);
open();
