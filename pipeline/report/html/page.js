"use strict";
// Sorting and download of every table. Values are read as text and never written as markup.

const valueOf = (cell) => cell.dataset.v ?? cell.textContent;

function compare(left, right, numbers) {
  const [a, b] = [valueOf(left), valueOf(right)];
  if (a === "" || b === "") return NaN;
  return numbers ? Number(a) - Number(b) : a.localeCompare(b);
}

function sort(table, column, header) {
  const ascending = header.getAttribute("aria-sort") !== "ascending";
  const numbers = header.classList.contains("n");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  rows.sort((left, right) => {
    const [a, b] = [left.cells[column], right.cells[column]];
    const order = compare(a, b, numbers);
    // What is missing stands last, whatever the direction.
    if (Number.isNaN(order)) return (valueOf(a) === "") - (valueOf(b) === "");
    return ascending ? order : -order;
  });
  body.append(...rows);
  for (const other of header.parentElement.cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", ascending ? "ascending" : "descending");
}

function field(text, isNumber) {
  // A spreadsheet takes text that begins so for a formula; an apostrophe makes it text.
  const safe = !isNumber && /^[=+\-@\t\r\n＝＋－＠]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function csv(table) {
  const lines = [[...table.tHead.rows[0].cells].map((cell) => field(cell.dataset.column, false))];
  for (const row of table.tBodies[0].rows) {
    lines.push([...row.cells].map((cell) => field(valueOf(cell), cell.classList.contains("n"))));
  }
  // The mark at the beginning tells spreadsheets that this is UTF-8.
  return "\ufeff" + lines.map((line) => line.join(",")).join("\r\n") + "\r\n";
}

function download(table) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([csv(table)], { type: "text/csv" }));
  link.download = `${table.dataset.name}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

for (const table of document.querySelectorAll("table[data-name]")) {
  [...table.tHead.rows[0].cells].forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = header.textContent;
    button.addEventListener("click", () => sort(table, column, header));
    header.replaceChildren(button);
  });
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Download CSV";
  button.setAttribute("aria-label", `Download CSV: ${table.caption.textContent}`);
  button.addEventListener("click", () => download(table));
  table.closest(".table").querySelector(".tools").append(button);
}

// A link to a view of the dictionary opens its entry.
function openTarget() {
  const target = document.getElementById(location.hash.slice(1));
  if (target instanceof HTMLDetailsElement) target.open = true;
}
addEventListener("hashchange", openTarget);
openTarget();
