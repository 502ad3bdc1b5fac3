"use strict";
// Sorting by a click on a heading, and tables as CSV. All values are in the cells, as text.
(() => {
  const value = (cell) => cell.dataset.value ?? cell.textContent;

  function compare(numeric) {
    const words = new Intl.Collator(undefined, { numeric: true });
    return (a, b) => (numeric ? Number(a) - Number(b) : words.compare(a, b));
  }

  function sort(heading) {
    const table = heading.closest("table");
    const column = heading.cellIndex;
    const ascending = heading.getAttribute("aria-sort") !== "ascending";
    const order = compare(heading.classList.contains("number"));
    for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
    heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const rows = [...table.tBodies[0].rows].map((row) => ({ row, key: value(row.cells[column]) }));
    rows.sort((a, b) => {
      // What is not known comes last either way.
      if (a.key === "" || b.key === "") return (a.key === "") - (b.key === "");
      return ascending ? order(a.key, b.key) : order(b.key, a.key);
    });
    table.tBodies[0].append(...rows.map(({ row }) => row));
  }

  function field(text, numeric) {
    // A spreadsheet would take such a text for a formula.
    const safe = !numeric && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  }

  function download(table) {
    const heads = [...table.tHead.rows[0].cells];
    const lines = [heads.map((head) => field(head.textContent.trim(), false)).join(",")];
    for (const row of table.tBodies[0].rows) {
      lines.push([...row.cells].map((cell) => field(value(cell), cell.classList.contains("number"))).join(","));
    }
    const file = new Blob(["\ufeff", lines.join("\r\n"), "\r\n"], { type: "text/csv;charset=utf-8" });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(file);
    link.download = `${table.dataset.name}.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  // A link into a part that is folded opens it.
  function unfold() {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.tagName === "DETAILS") {
      target.open = true;
      target.scrollIntoView();
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.classList.contains("sort")) sort(button.closest("th"));
    if (button?.classList.contains("download")) download(document.getElementById(button.dataset.table));
  });
  addEventListener("hashchange", unfold);
  unfold();
})();
