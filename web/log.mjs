/** The message log: what went over the connection, as text or as hex. */

const MAX_KEPT = 500;
const MAX_ROWS = 200;
const INTERVAL = 100; // milliseconds between changes; nobody reads faster

const element = (id) => document.getElementById(id);

export class MessageLog {
  #entries = [];
  #waiting = [];
  #total = 0;
  #isPaused = false;
  #isRequested = false;
  #list = element("log");

  constructor() {
    element("log-filter").addEventListener("input", () => this.#rebuild());
    for (const control of [element("log-which"), ...document.querySelectorAll("[name=form]")]) {
      control.addEventListener("change", () => this.#rebuild());
    }
    element("log-pause").addEventListener("click", () => this.#pause(!this.#isPaused));
    element("log-clear").addEventListener("click", () => this.#empty());
    this.#list.addEventListener("click", (event) => event.target.closest("li")?.classList.toggle("whole"));
  }

  /** @param {{direction: "in"|"out", kind: "text"|"binary", size: number, shown: string, note: string, time: Date}} entry */
  add(entry) {
    this.#total += 1;
    this.#waiting.push(entry);
    if (this.#waiting.length > MAX_KEPT) this.#waiting.shift();
    if (this.#isRequested) return;
    this.#isRequested = true;
    setTimeout(() => {
      this.#isRequested = false;
      this.#takeIn();
    }, INTERVAL);
  }

  /** Show what is waiting; in a pause it goes on waiting. */
  #takeIn() {
    if (!this.#isPaused) {
      this.#append(this.#waiting);
      this.#entries = [...this.#entries, ...this.#waiting].slice(-MAX_KEPT);
      this.#waiting = [];
    }
    element("log-count").textContent = `${this.#total.toLocaleString("en")}${this.#isPaused ? ", paused" : ""}`;
  }

  #append(entries) {
    const list = this.#list;
    const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 24;
    const rows = entries.filter((entry) => this.#isWanted(entry)).slice(-MAX_ROWS).map((entry) => this.#row(entry));
    list.append(...rows);
    while (list.childElementCount > MAX_ROWS) list.firstElementChild.remove();
    if (isAtEnd) list.scrollTop = list.scrollHeight;
  }

  #rebuild() {
    this.#list.replaceChildren();
    this.#append(this.#entries);
    this.#list.scrollTop = this.#list.scrollHeight;
  }

  #empty() {
    this.#entries = [];
    this.#waiting = [];
    this.#total = 0;
    this.#rebuild();
    this.#takeIn();
  }

  #pause(isPaused) {
    this.#isPaused = isPaused;
    element("log-pause").ariaPressed = String(isPaused);
    this.#takeIn();
  }

  #isWanted(entry) {
    const which = element("log-which").value;
    const filter = element("log-filter").value.toLowerCase();
    const isOfKind = !which || entry.direction === which || entry.kind === which;
    return isOfKind && (!filter || this.#content(entry).toLowerCase().includes(filter));
  }

  #content({ kind, shown }) {
    const asHex = document.querySelector("[name=form]:checked").value === "hex";
    if (kind === "text") return asHex ? withCharacters(new TextEncoder().encode(shown)) : shown;
    return asHex ? withCharacters(bytesOf(shown)) : shown;
  }

  #row(entry) {
    const item = document.createElement("li");
    const isIn = entry.direction === "in";
    item.append(
      cell("time", entry.time.toTimeString().slice(0, 8)),
      cell(entry.direction, isIn ? "←" : "→", isIn ? "received" : "sent"),
      cell("size", `${entry.size} B`),
      cell("shown", this.#content(entry) || "(empty)"),
    );
    if (entry.note) item.lastElementChild.append(cell("note", `  ${entry.note}`));
    return item;
  }
}

function cell(className, text, label = "") {
  const span = document.createElement("span");
  span.className = className;
  span.textContent = text;
  if (label) {
    span.role = "img";
    span.ariaLabel = label;
  }
  return span;
}

function bytesOf(hex) {
  return Uint8Array.from(hex ? hex.split(" ") : [], (pair) => parseInt(pair, 16));
}

/** Return bytes as hex and as the characters that they are in ASCII. */
function withCharacters(bytes) {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  const characters = Array.from(bytes, (byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : "·")).join("");
  return hex && `${hex}  ${characters}`;
}
