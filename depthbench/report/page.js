"use strict";
(function () {
  function key(cell) {
    var sort = cell.dataset.sort, text = cell.textContent.trim();
    if (sort !== undefined) return Number(sort);
    return text === "\u2014" ? "" : text.toLowerCase();
  }
  function compare(a, b) {
    if (a === "" || b === "") return (a === "") - (b === "");
    if (typeof a === typeof b) return a < b ? -1 : a > b ? 1 : 0;
    return typeof a === "number" ? -1 : 1;
  }
  function sort(header) {
    var table = header.closest("table"), body = table.tBodies[0];
    var column = header.cellIndex;
    var down = header.getAttribute("aria-sort") === "ascending";
    var rows = Array.from(body.rows).map(function (row) {
      return { row: row, key: key(row.cells[column]) };
    });
    rows.sort(function (a, b) {
      if (a.key === "" || b.key === "") return compare(a.key, b.key);
      return (down ? -1 : 1) * compare(a.key, b.key);
    });
    table.querySelectorAll("th[aria-sort]").forEach(function (other) {
      other.removeAttribute("aria-sort");
    });
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    rows.forEach(function (item) { body.appendChild(item.row); });
  }
  document.querySelectorAll("table.sortable thead th").forEach(function (header) {
    var button = document.createElement("button");
    button.type = "button";
    while (header.firstChild) button.appendChild(header.firstChild);
    header.appendChild(button);
    button.addEventListener("click", function () { sort(header); });
  });
  var copy = document.getElementById("copy-markdown");
  var source = document.getElementById("markdown");
  copy.hidden = false;
  copy.addEventListener("click", function () {
    source.hidden = false;
    source.select();
    var done = document.execCommand("copy");
    source.hidden = done;
    document.getElementById("copied").textContent = done ? "Copied." : "Press Ctrl+C.";
  });
})();
