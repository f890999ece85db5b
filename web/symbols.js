// The list of symbols, and choosing one by typing.
import { change, direction, price } from "/format.js";

const MATCHES_MAX = 12;

export class Watch {
  constructor(body, choose) {
    this.body = body;
    this.choose = choose;
    this.rows = new Map();
    this.quotes = new Map();
  }

  names() {
    return [...this.quotes.keys()].sort();
  }

  show(quotes) {
    for (const quote of quotes) {
      this.quotes.set(quote.symbol, quote);
      const row = this.rows.get(quote.symbol) ?? this.add(quote.symbol);
      row.children[1].textContent = price(quote.last);
      row.children[2].textContent = change(quote.change);
      row.children[2].className = direction(quote.change);
    }
  }

  add(symbol) {
    const row = document.createElement("tr");
    row.dataset.symbol = symbol;
    const head = document.createElement("th");
    head.scope = "row";
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = symbol;
    head.append(button);
    row.append(head, document.createElement("td"), document.createElement("td"));
    row.addEventListener("click", () => this.choose(symbol));
    const after = [...this.rows.keys()].filter((other) => other > symbol).sort()[0];
    this.body.insertBefore(row, after ? this.rows.get(after) : null);
    this.rows.set(symbol, row);
    return row;
  }

  mark(symbol) {
    for (const [name, row] of this.rows) {
      if (name === symbol) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
    }
  }
}

// Best first: those that begin with it, then those that have it.
function matching(names, text) {
  const query = text.trim().toUpperCase();
  const begins = names.filter((name) => name.toUpperCase().startsWith(query));
  const has = names.filter((name) => !begins.includes(name) && name.toUpperCase().includes(query));
  return [...begins, ...has].slice(0, MATCHES_MAX);
}

export class Entry {
  constructor({ dialog, input, list }, names, choose) {
    Object.assign(this, { dialog, input, list, names, choose, at: 0, matches: [] });
    input.addEventListener("input", () => this.match());
    input.addEventListener("keydown", (event) => this.key(event));
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close();
    });
    document.addEventListener("keydown", (event) => this.typed(event));
  }

  // A letter or digit typed anywhere opens the entry with it.
  typed(event) {
    const busy = this.dialog.open || event.ctrlKey || event.metaKey || event.altKey;
    if (busy || event.target.closest("input, select, textarea")) return;
    if (!/^[\p{L}\p{N}]$/u.test(event.key)) return;
    event.preventDefault();
    this.open(event.key.toUpperCase());
  }

  open(text = "") {
    this.input.value = text;
    this.dialog.showModal();
    this.input.focus();
    this.match();
  }

  match() {
    this.matches = matching(this.names(), this.input.value);
    this.at = 0;
    this.list.replaceChildren(...this.matches.map((name, i) => {
      const item = document.createElement("li");
      item.id = `match-${i}`;
      item.role = "option";
      item.textContent = name;
      item.addEventListener("click", () => this.pick(name));
      return item;
    }));
    this.mark();
  }

  mark() {
    [...this.list.children].forEach((item, i) => item.setAttribute("aria-selected", String(i === this.at)));
    this.input.setAttribute("aria-activedescendant", this.matches.length > 0 ? `match-${this.at}` : "");
  }

  key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && this.matches.length > 0) {
      event.preventDefault();
      this.at = (this.at + step + this.matches.length) % this.matches.length;
      this.mark();
    } else if (event.key === "Enter") {
      event.preventDefault();
      const name = this.matches[this.at] ?? this.input.value.trim();
      if (name) this.pick(name);
    }
  }

  pick(name) {
    this.dialog.close();
    this.choose(name);
  }
}
