// Tables that change cell by cell: rows keep their place in the document, so focus, selection and hover survive.

import { h, setAge, setClass, setText, setTitle } from "./dom.js";

/**
 * A column is { head, hint?, cell(item), class?, title?(item), tone?(item), age?(item), node?(item) }. `cell` gives text;
 * `age` gives seconds; `node` gives an element, made anew whenever `cell` gives another text. An item with a `group`
 * of texts is a heading over the rows that follow it.
 */
export class Table {
  constructor(columns, { label, key, empty, rowClass = () => "", detail = null }) {
    Object.assign(this, { columns, key, rowClass, detail, rows: new Map() });
    const heads = columns.map((column) => h("th", { scope: "col", class: column.class, title: column.hint }, column.head));
    this.body = h("tbody");
    this.empty = h("p", { class: "empty" }, empty);
    this.table = h("table", {}, h("caption", { class: "unseen" }, label), h("thead", {}, h("tr", {}, heads)), this.body);
    this.element = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, this.table, this.empty);
    this.table.hidden = true;
  }

  /** Show these items, in this order. */
  show(items) {
    this.table.hidden = items.length === 0;
    this.empty.hidden = items.length > 0;
    const wanted = new Set(items.map(this.key));
    for (const [key, row] of this.rows) if (!wanted.has(key)) this.remove(key, row);
    let before = this.body.firstElementChild;
    for (const item of items) {
      const row = this.row(item);
      if (row.line === before) before = before.nextElementSibling;
      else this.body.insertBefore(row.line, before);
      if (row.extra) {
        if (row.extra === before) before = before.nextElementSibling;
        else this.body.insertBefore(row.extra, before);
      }
    }
  }

  remove(key, row) {
    row.line.remove();
    row.extra?.remove();
    this.rows.delete(key);
  }

  row(item) {
    const key = this.key(item);
    let row = this.rows.get(key);
    if (!row) {
      const cells = item.group ? this.heading() : this.columns.map((column) => h("td", { class: column.class }));
      row = { line: h("tr", {}, cells), extra: null };
      this.rows.set(key, row);
    }
    row.item = item;
    if (item.group) this.head(row.line, item);
    else this.line(row, item);
    return row;
  }

  heading() {
    return h("th", { colspan: String(this.columns.length), scope: "rowgroup" }, h("span"), h("span"), h("span"));
  }

  head(line, item) {
    setClass(line, "group");
    [...line.firstElementChild.children].forEach((part, index) => setText(part, item.group[index] ?? ""));
  }

  line(row, item) {
    setClass(row.line, this.rowClass(item));
    this.columns.forEach((column, index) => this.fill(row.line.children[index], column, item, row));
    if (row.extra) this.detail(item, row.extra.firstElementChild);
  }

  fill(cell, column, item, row) {
    if (column.age) setAge(cell, column.age(item), column.write, column.late);
    else if (column.node) {
      const text = column.cell(item);
      if (cell.dataset.shown !== text) {
        cell.dataset.shown = text;
        cell.replaceChildren(...[column.node(item, row)].flat());
      }
    } else setText(cell, column.cell(item));
    setTitle(cell, column.title?.(item));
    if (column.tone) setClass(cell, `${column.class ?? ""} ${column.tone(item)}`.trim());
  }

  /** Open or close the line below an item's row; returns whether it is open now. */
  toggle(row) {
    if (row.extra) {
      row.extra.remove();
      row.extra = null;
      return false;
    }
    row.extra = h("tr", { class: "detail" }, h("td", { colspan: String(this.columns.length) }));
    row.line.after(row.extra);
    this.detail(row.item, row.extra.firstElementChild);
    return true;
  }
}
