
"use strict";
// Builds the table of images from the JSON of this page. Text of the report is only ever set as text.
(() => {
  const PAGE = 100;
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const numbers = new Intl.NumberFormat("en");

  function element(name, properties, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(properties || {})) {
      if (value === undefined || value === null) continue;
      if (key === "class") made.className = value;
      else if (key in made && key !== "title") made[key] = value;
      else made.setAttribute(key, value);
    }
    made.append(...children.filter((child) => child !== null && child !== undefined));
    return made;
  }

  // In decimal units, as everywhere in the program.
  function bytes(amount) {
    if (amount < 1000) return amount + " B";
    let value = amount;
    let unit = "B";
    for (const next of ["kB", "MB", "GB", "TB"]) {
      if (value < 999.95) break;
      value /= 1000;
      unit = next;
    }
    return value.toFixed(1) + " " + unit;
  }

  function count(number, noun) {
    return numbers.format(number) + " " + noun + (number === 1 ? "" : "s");
  }

  function reference(name) {
    const slash = name.lastIndexOf("/") + 1;
    const before = element("span", { class: "dim" }, name.slice(0, slash));
    return [before, document.createElement("wbr"), name.slice(slash)];
  }

  // What a message has between backticks is code.
  function message(text) {
    const parts = text.split("`");
    const rest = parts.length % 2 ? [] : ["`" + parts.pop()];
    return [...parts.map((part, position) => (position % 2 ? element("code", {}, part) : part)), ...rest];
  }

  const worst = (image) => Math.min(data.outcomes.length - 1, ...image.s.map((state) => state.o));
  const digestOf = (image, state) => (state.d === undefined ? image.d : state.d) || null;
  const short = (digest) => digest.slice(0, 19);
  const digestsOf = (image) => [...new Set(image.s.filter((state) => state.t).map((state) => digestOf(image, state)).filter(Boolean))];
  const platformsOf = (image) => (image.a || []).map((position) => data.platforms[position]);

  // What a search looks at. It is put together at the first search: the page opens sooner without it.
  function textOf(image) {
    if (image.text === undefined) {
      const shards = image.s.map((state) => (state.h === undefined ? "" : "shard " + state.h));
      const texts = [image.n, ...image.s.map((state) => state.t || ""), ...shards, ...digestsOf(image)];
      image.text = texts.join("\n").toLowerCase();
    }
    return image.text;
  }

  for (const image of data.images) image.worst = worst(image);

  // The columns: a class, a title, how to sort, and what a cell has.
  const columns = [
    { id: "name", title: "Image", order: (a, b) => (a.n < b.n ? -1 : a.n > b.n ? 1 : 0), cell: nameCell },
    { id: "state", title: "State", order: (a, b) => a.worst - b.worst || (b.f || []).length - (a.f || []).length, cell: stateCell },
    { id: "digest", title: "Digest", cell: digestCell },
    { id: "platforms", title: "Platforms", cell: platformsCell },
    { id: "size", title: "Size", amount: true, order: (a, b) => (b.b ? b.b[0] : -1) - (a.b ? a.b[0] : -1), cell: sizeCell },
  ];
  const copying = data.runs.filter(([, copies]) => copies).length;
  const view = { query: "", state: "", run: "", changed: false, sort: null, reversed: false, page: 0 };
  let shown = data.images;

  function nameCell(image, number) {
    const open = element("button", { type: "button", class: "open", "aria-expanded": "false" }, ...reference(image.n));
    open.addEventListener("click", () => toggle(open, image, number));
    return [open];
  }

  function stateCell(image) {
    // A chip for each outcome, with the destinations unless it is that of all.
    const byOutcome = new Map();
    for (const state of image.s) {
      if (!byOutcome.has(state.o)) byOutcome.set(state.o, []);
      byOutcome.get(state.o).push(state.r);
    }
    const chips = [...byOutcome].sort(([a], [b]) => a - b).map(([outcome, runs]) => {
      const places = runs.filter((run) => data.runs[run][1]);
      const isPart = places.length > 0 && places.length < copying;
      return chip(outcome, isPart ? ": " + places.map((run) => data.runs[run][0]).join(", ") : "");
    });
    return [element("span", { class: "chips" }, ...chips)];
  }

  function chip(outcome, more) {
    const { name, class: kind, sign } = data.outcomes[outcome];
    return element("span", { class: "chip " + kind }, element("span", { "aria-hidden": "true" }, sign), " " + name + more);
  }

  function digestCell(image) {
    const digests = digestsOf(image);
    const codes = digests.map((digest) => element("code", { title: digest }, short(digest)));
    if (codes.length === 0) return [element("span", { class: "dim" }, "not known")];
    return codes.flatMap((code, position) => (position ? [document.createElement("br"), code] : [code]));
  }

  function platformsCell(image) {
    const platforms = platformsOf(image);
    if (!image.b) return [element("span", { class: "dim" }, "not known")];
    return [platforms.length ? platforms.join(", ") : element("span", { class: "dim" }, "not declared")];
  }

  function sizeCell(image) {
    if (!image.b) return [element("span", { class: "dim" }, "not known")];
    const [all, , , more] = image.b;
    return [(more ? "> " : "") + bytes(all)];
  }

  function toggle(open, image, number) {
    const row = open.closest("tr");
    const isOpen = open.getAttribute("aria-expanded") === "true";
    open.setAttribute("aria-expanded", String(!isOpen));
    if (isOpen) {
      row.nextElementSibling.remove();
      open.removeAttribute("aria-controls");
      return;
    }
    const id = "detail-" + number;
    const cell = element("td", { colSpan: visibleColumns() }, detail(image));
    row.after(element("tr", { class: "detail", id }, cell));
    open.setAttribute("aria-controls", id);
  }

  // A cell across columns that the style hides would make room for them.
  const visibleColumns = () => Math.max(1, headers.filter((header) => header.getClientRects().length > 0).length);

  function detail(image) {
    const list = element("dl");
    const add = (term, ...values) => list.append(element("dt", {}, term), element("dd", {}, ...values));
    if (image.x) add("Change", image.x);
    if (image.p !== undefined) add("Pinned", image.p ? "yes" : "no");
    for (const state of image.s) addState(add, image, state);
    if (image.b) {
      const [all, own, blobs, more, earlier] = image.b;
      add("Size", bytes(all) + " in " + count(blobs, "blob") + "; " + bytes(own) + " of it in no other image",
        more ? element("p", { class: "dim" }, "There is more, which the destination had already.") : null,
        earlier ? element("p", { class: "dim" }, "From an earlier report about the same digest.") : null);
      const platforms = platformsOf(image);
      if (platforms.length) add("Platforms", platforms.join(", "));
    } else {
      add("Size", element("span", { class: "dim" }, "not known: no run copied it, so its manifests were not read"));
    }
    if (image.f) {
      const links = image.f.map((position) => {
        const line = byId("finding-" + position);
        const text = line ? line.querySelector(".message").textContent : "finding";
        return element("p", {}, element("a", { href: "#finding-" + position }, text));
      });
      add("Findings", ...links);
    }
    return list;
  }

  function addState(add, image, state) {
    const isPlan = data.runs[state.r][1] === 2;
    const lines = [element("span", { class: "chips" }, chip(state.o, ""))];
    if (state.t) lines.push(element("p", {}, state.t));
    const digest = digestOf(image, state);
    if (digest && state.t) lines.push(element("p", {}, element("code", {}, digest)));
    if (state.w === "") lines.push(element("p", { class: "dim" }, "The tag does not exist now."));
    else if (state.w && state.w === digest) lines.push(element("p", { class: "dim" }, "The tag names it now, and parts are missing."));
    else if (state.w) lines.push(element("p", { class: "dim" }, "The tag names ", element("code", {}, state.w), " now."));
    if (state.h !== undefined) lines.push(element("p", { class: "dim" }, "Shard " + state.h));
    if (state.m) {
      const words = isPlan ? ["to send", "to mount", "already there"] : ["transferred", "mounted", "already there"];
      const amounts = state.m.map((amount, position) => (amount ? bytes(amount) + " " + words[position] : null));
      lines.push(element("p", { class: "dim" }, amounts.filter(Boolean).join(", ")));
    }
    for (const position of state.e || []) {
      const [error, hint] = data.errors[position];
      lines.push(element("p", {}, ...message(error)), hint ? element("p", { class: "hint" }, "Hint: ", ...message(hint)) : null);
    }
    add(data.runs[state.r][0], ...lines);
  }

  // A finding in a closed group is opened before the browser goes there.
  function reveal() {
    const target = location.hash && byId(location.hash.slice(1));
    if (!target) return;
    for (let parent = target.parentElement; parent; parent = parent.parentElement) {
      if (parent.tagName === "DETAILS") parent.open = true;
    }
    target.scrollIntoView();
  }

  function filter() {
    const words = view.query.toLowerCase().split(/\s+/).filter(Boolean);
    const matches = (image) =>
      words.every((word) => textOf(image).includes(word)) &&
      (!view.changed || image.x) &&
      (view.state === "" && view.run === "" || image.s.some((state) =>
        (view.state === "" || data.outcomes[state.o].name === view.state) &&
        (view.run === "" || String(state.r) === view.run)));
    shown = data.images.filter(matches);
    if (view.sort) {
      const { order } = view.sort;
      shown.sort(view.reversed ? (a, b) => order(b, a) : order);
    }
  }

  const body = element("tbody");
  const headers = columns.map((column) => {
    const attributes = { scope: "col", class: "col-" + column.id + (column.amount ? " amount" : "") };
    if (!column.order) {
      attributes.class += " plain";
      return element("th", attributes, column.title);
    }
    const arrow = element("span", { "aria-hidden": "true" });
    const sort = element("button", { type: "button", class: "sort" }, column.title + " ", arrow);
    sort.addEventListener("click", () => {
      view.reversed = view.sort === column && !view.reversed;
      view.sort = column;
      update();
    });
    const header = element("th", attributes, sort);
    column.header = header;
    column.arrow = arrow;
    return header;
  });

  function update() {
    view.page = 0;
    filter();
    for (const column of columns.filter((column) => column.order)) {
      const isSorted = view.sort === column;
      // Size and state begin with what matters most: the largest, the worst.
      const falls = view.reversed !== (column.id === "size");
      if (isSorted) column.header.setAttribute("aria-sort", falls ? "descending" : "ascending");
      else column.header.removeAttribute("aria-sort");
      column.arrow.textContent = isSorted ? (falls ? "\u2193" : "\u2191") : "\u2195";
      column.arrow.className = isSorted ? "" : "idle";
    }
    show();
  }

  function show() {
    const from = view.page * PAGE;
    const rows = shown.slice(from, from + PAGE).map((image, position) => element("tr", {},
      ...columns.map((column, at) => {
        const kind = "col-" + column.id + (column.amount ? " amount" : "") + (at ? "" : " name");
        const properties = at ? { class: kind } : { class: kind, scope: "row" };
        return element(at ? "td" : "th", properties, ...column.cell(image, from + position));
      })));
    body.replaceChildren(...rows);
    const last = from + rows.length;
    const of = shown.length === data.images.length ? count(shown.length, "image")
      : numbers.format(shown.length) + " of " + count(data.images.length, "image");
    byId("status").textContent = shown.length > PAGE
      ? of + ", " + numbers.format(from + 1) + " to " + numbers.format(last) + " shown" : of;
    byId("pages").hidden = shown.length <= PAGE;
    previous.disabled = view.page === 0;
    next.disabled = last >= shown.length;
    where.textContent = "Page " + (view.page + 1) + " of " + Math.max(1, Math.ceil(shown.length / PAGE));
  }

  const previous = element("button", { type: "button" }, "Previous");
  const next = element("button", { type: "button" }, "Next");
  const where = element("span", { class: "dim" });
  const turn = (by) => {
    view.page += by;
    show();
    byId("table").scrollIntoView();
  };
  previous.addEventListener("click", () => turn(-1));
  next.addEventListener("click", () => turn(1));
  byId("pages").append(previous, where, next);

  byId("table").append(element("table", { class: "images", "aria-labelledby": "images-title" },
    element("thead", {}, element("tr", {}, ...headers)), body));
  const tools = byId("tools");
  tools.hidden = false;
  tools.addEventListener("submit", (event) => event.preventDefault());
  let waiting = 0;
  byId("query").addEventListener("input", (event) => {
    view.query = event.target.value;
    clearTimeout(waiting);
    waiting = setTimeout(update, 120);
  });
  for (const [id, key] of [["state", "state"], ["run", "run"]]) {
    const select = byId(id);
    if (select) select.addEventListener("change", () => { view[key] = select.value; update(); });
  }
  const changed = byId("changed");
  if (changed) changed.addEventListener("change", () => { view.changed = changed.checked; update(); });
  addEventListener("hashchange", reveal);
  addEventListener("resize", () => {
    for (const cell of document.querySelectorAll(".detail > td")) cell.colSpan = visibleColumns();
  });
  update();
  reveal();
})();
