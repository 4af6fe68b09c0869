"use strict";
(function () {
  var table = document.getElementById("depths-table");
  var headers = Array.from(table.tHead.rows[0].cells);
  var titles = headers.map(function (header) { return header.textContent.trim(); });
  var extra = titles.filter(function (_, i) { return "extra" in headers[i].dataset; });
  var place = titles.indexOf("architecture");
  var view = { architecture: "", status: "", hidden: extra, sort: "" };

  // Sorting, in every table.
  function key(cell) {
    var sort = cell.dataset.sort, text = cell.textContent.trim();
    if (sort !== undefined) return Number(sort);
    if (/^-?[\d.]+( %)?$/.test(text)) return parseFloat(text);
    return text === "\u2014" ? "" : text.toLowerCase();
  }
  function compare(a, b) {
    if (typeof a === typeof b) return a < b ? -1 : a > b ? 1 : 0;
    return typeof a === "number" ? -1 : 1;
  }
  function sort(header, down) {
    var own = header.closest("table"), body = own.tBodies[0];
    var rows = Array.from(body.rows).map(function (row) {
      return { row: row, key: key(row.cells[header.cellIndex]) };
    });
    rows.sort(function (a, b) {
      if (a.key === "" || b.key === "") return (a.key === "") - (b.key === "");
      return (down ? -1 : 1) * compare(a.key, b.key);
    });
    own.querySelectorAll("th[aria-sort]").forEach(function (other) {
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
    button.addEventListener("click", function () {
      var down = header.getAttribute("aria-sort") === "ascending";
      sort(header, down);
      if (header.closest("table") !== table) return;
      view.sort = (down ? "-" : "") + titles[header.cellIndex];
      remember();
    });
  });

  // Filters and columns of the table of depths; the address keeps them.
  function show() {
    Array.from(table.rows).forEach(function (row) {
      Array.from(row.cells).forEach(function (cell, i) {
        cell.hidden = view.hidden.indexOf(titles[i]) >= 0;
      });
    });
    Array.from(table.tBodies[0].rows).forEach(function (row) {
      var name = row.cells[place].textContent.trim();
      row.hidden = (view.architecture && name !== view.architecture) ||
        (view.status && row.dataset.status !== view.status) ? true : false;
    });
  }
  function remember() {
    var said = new URLSearchParams();
    ["sort", "architecture", "status"].forEach(function (name) {
      if (view[name]) said.set(name, view[name]);
    });
    if (view.hidden.join() !== extra.join()) said.set("hidden", view.hidden.join());
    history.replaceState(null, "", "#" + (said.toString() || "depths"));
    show();
  }
  function recall() {
    if (location.hash.indexOf("=") < 0) return;
    var said = new URLSearchParams(location.hash.slice(1));
    ["sort", "architecture", "status"].forEach(function (name) {
      view[name] = said.get(name) || "";
    });
    if (said.has("hidden")) view.hidden = said.get("hidden").split(",");
    var header = headers[titles.indexOf(view.sort.replace(/^-/, ""))];
    if (header) sort(header, view.sort[0] === "-");
    document.getElementById("depths").scrollIntoView();
  }
  function choices(id, values) {
    var select = document.getElementById(id);
    new Set(values).forEach(function (value) {
      var option = document.createElement("option");
      option.textContent = option.value = value;
      select.appendChild(option);
    });
    select.value = view[id];
    select.addEventListener("change", function () {
      view[id] = select.value;
      remember();
    });
  }
  recall();
  var rows = Array.from(table.tBodies[0].rows);
  choices("architecture", rows.map(function (r) { return r.cells[place].textContent; }));
  choices("status", rows.map(function (r) { return r.dataset.status; }));
  titles.forEach(function (title, i) {
    var label = document.createElement("label"), box = document.createElement("input");
    box.type = "checkbox";
    box.checked = view.hidden.indexOf(title) < 0;
    box.disabled = i === place;
    box.addEventListener("change", function () {
      view.hidden = titles.filter(function (other) {
        return other === title ? !box.checked : view.hidden.indexOf(other) >= 0;
      });
      remember();
    });
    label.append(box, " " + title);
    document.getElementById("columns").appendChild(label);
  });
  show();
  document.getElementById("controls").hidden = false;

  // What is shown, as text.
  function csv(text) {
    return /[",\n]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
  }
  var formats = {
    csv: function (rows) {
      return rows.map(function (row) { return row.map(csv).join(",") + "\n"; }).join("");
    },
    markdown: function (rows) {
      var lines = rows.map(function (row) {
        return "| " + row.map(function (text) {
          return text.replace(/[\\|*`<\[\]]/g, "\\$&");
        }).join(" | ") + " |\n";
      });
      lines.splice(1, 0, "|" + rows[0].map(function () { return " --- |"; }).join("") + "\n");
      return lines.join("");
    },
    latex: function (rows) {
      var signs = { "\u2265": "$\\ge$", "\u2264": "$\\le$", "\u2014": "---",
        "<": "$<$", "\\": "\\textbackslash{}", "~": "\\textasciitilde{}",
        "^": "\\textasciicircum{}" };
      var lines = rows.map(function (row) {
        return row.map(function (text) {
          return text.replace(/[\u2265\u2264\u2014<\\~^]|[&%$#_{}]/g, function (sign) {
            return signs[sign] || "\\" + sign;
          });
        }).join(" & ") + " \\\\\n";
      });
      lines.splice(1, 0, "\\midrule\n");
      return "\\begin{tabular}{" + "l".repeat(rows[0].length) + "}\n\\toprule\n" +
        lines.join("") + "\\bottomrule\n\\end{tabular}\n";
    }
  };
  document.querySelectorAll("[data-format]").forEach(function (button) {
    button.addEventListener("click", function () {
      var shown = Array.from(table.rows).filter(function (row) { return !row.hidden; });
      var texts = shown.map(function (row) {
        return Array.from(row.cells).filter(function (cell) { return !cell.hidden; })
          .map(function (cell) { return cell.textContent.trim().replace(/\s+/g, " "); });
      });
      var area = document.getElementById("copy");
      area.value = formats[button.dataset.format](texts);
      area.hidden = false;
      area.select();
      var done = document.execCommand("copy");
      area.hidden = done;
      document.getElementById("copied").textContent = done ? "Copied." : "Press Ctrl+C.";
    });
  });

  // A link to a trial opens what it is in.
  function open() {
    var row = document.getElementById(location.hash.slice(1));
    var around = row && row.closest("details");
    if (!around || around.open) return;
    around.open = true;
    row.scrollIntoView({ block: "center" });
  }
  window.addEventListener("hashchange", open);
  open();
})();
