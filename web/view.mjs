/** Shows on the page what the program tells: the `View` of board.py. */

import { Board } from "./canvas.mjs";
import { MessageLog } from "./log.mjs";
import { Rates, RoundTrips } from "./plot.mjs";

const MAX_CHAT_LINES = 200;
const STATES = { CONNECTING: "Connecting", OPEN: "Open", CLOSING: "Closing", CLOSED: "Closed" };

const element = (id) => document.getElementById(id);

export class PageView {
  #me = 0;
  #facts = new Map();
  #nextAttempt = 0;
  #isLost = false; // what is known of the last connection stays until there is another one
  isOpen = false;

  constructor() {
    this.board = new Board(element("board"));
    this.log = new MessageLog();
    this.trips = new RoundTrips();
    this.rates = new Rates();
    element("problem-close").addEventListener("click", () => this.forgetProblem());
    setInterval(() => this.#countDown(), 1000);
  }

  // How the program starts.

  progress(step, text) {
    element("loading-bar").value = step;
    element("loading-text").textContent = `${text} …`;
  }

  started(version) {
    element("thread").textContent = element("thread").textContent.replace("Python", `Python ${version}`);
    element("loading").hidden = true;
    element("offline").hidden = element("again").hidden = false;
    this.#badge("CLOSED", "Not connected");
  }

  failed(text) {
    element("loading").hidden = true;
    element("veil").hidden = false;
    element("offline").hidden = false;
    element("offline").textContent = "The program is not running";
    this.#badge("FAILED", "Failed");
    this.problem(text);
  }

  // The connection.

  state(name, url, protocol) {
    this.isOpen = name === "OPEN";
    this.#badge(name, STATES[name]);
    element("veil").hidden = this.isOpen;
    this.#nextAttempt = 0;
    element("offline").textContent = name === "CLOSED" ? "Not connected" : `${STATES[name]} …`;
    element("again").disabled = name !== "CLOSED";
    element("connect-button").ariaDisabled = String(name !== "CLOSED");
    element("close-button").ariaDisabled = String(name !== "OPEN" && name !== "CONNECTING");
    if (name === "OPEN" || !url) this.#isLost = false;
    if (!this.#isLost && name !== "CLOSING" && (name !== "CLOSED" || !url)) this.#facts.clear();
    if (url) {
      this.#fact("URL", url);
      this.#fact("Subprotocol", protocol || "none");
    }
    this.#showFacts();
    if (this.isOpen) {
      this.forgetProblem();
      this.#news(`Connected to ${url}`);
    }
  }

  ended(code, meaning, reason, wasClean, cause) {
    const words = meaning ? `${code}, ${meaning}` : String(code);
    this.#fact("Close code", words);
    this.#fact("Reason", reason || "none");
    this.#fact("Clean", wasClean ? "yes" : "no");
    this.#news(`Closed with ${words}${reason ? `: ${reason}` : ""}`);
    this.board.forgetOthers();
    this.trips.forget();
    for (const item of [...element("people").children]) {
      if (item.dataset.id !== String(this.#me)) item.remove();
    }
  }

  waiting(seconds, why) {
    if (why) this.problem(why);
    this.#isLost = true;
    this.#nextAttempt = performance.now() + seconds * 1000;
    this.#countDown();
  }

  #countDown() {
    if (!this.#nextAttempt) return;
    const seconds = Math.max(Math.ceil((this.#nextAttempt - performance.now()) / 1000), 0);
    element("offline").textContent = seconds ? `The connection is lost. Connecting again in ${seconds} s` : "Connecting …";
  }

  problem(text) {
    element("problem-text").textContent = text[0].toUpperCase() + text.slice(1);
    element("problem").hidden = false;
  }

  forgetProblem() {
    element("problem").hidden = true;
  }

  // The people.

  welcome(id, name, colour) {
    this.#me = id;
    this.board.reset(id);
    element("people").replaceChildren();
    this.joined(id, name, colour);
  }

  worker(name) {
    this.#fact("Worker", name);
    this.#news(`At worker ${name}`);
  }

  joined(id, name, colour) {
    this.board.join(id, name, colour);
    const isMe = id === this.#me;
    if (isMe) element("name").value = name;
    const people = element("people");
    let item = people.querySelector(`[data-id="${id}"]`);
    if (!item) {
      item = people.appendChild(document.createElement("li"));
      item.dataset.id = id;
      if (!isMe) this.#news(`${name} is here`);
    }
    item.textContent = isMe ? `${name} (you)` : name;
    item.style.setProperty("--person", `var(--person-${colour})`);
  }

  left(id, name) {
    this.board.leave(id);
    element("people").querySelector(`[data-id="${id}"]`)?.remove();
    this.#news(`${name} has left`);
  }

  moved(id, x, y) {
    this.board.move(id, x, y);
  }

  line(colour, x0, y0, x1, y1) {
    this.board.line(colour, x0, y0, x1, y1);
  }

  cleared(name) {
    this.board.clear();
    this.#news(`${name} cleared the board`);
  }

  chat(id, name, text) {
    const author = document.createElement("b");
    author.textContent = name;
    author.style.setProperty("--person", `var(--person-${this.board.colourOf(id)})`);
    this.#chatLine(author, ` ${text}`);
  }

  // The traffic.

  message(direction, kind, size, shown, note) {
    this.log.add({ direction, kind, size, shown, note, time: new Date() });
    this.rates.count(direction, size);
  }

  echoed(network, frame) {
    this.trips.add(network, frame);
  }

  #badge(state, text) {
    const badge = element("state");
    badge.dataset.state = state;
    badge.textContent = text;
  }

  #fact(name, value) {
    this.#facts.set(name, value);
    this.#showFacts();
  }

  #showFacts() {
    element("facts").replaceChildren(...[...this.#facts].flatMap(([key, words]) => {
      const [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
      dt.textContent = key;
      dd.textContent = words;
      return [dt, dd];
    }));
  }

  #news(text) {
    const news = document.createElement("span");
    news.className = "news";
    news.textContent = text;
    this.#chatLine(news);
  }

  #chatLine(...content) {
    const chat = element("chat");
    const isAtEnd = chat.scrollHeight - chat.scrollTop - chat.clientHeight < 24;
    const item = chat.appendChild(document.createElement("p"));
    item.append(...content);
    if (chat.childElementCount > MAX_CHAT_LINES) chat.firstElementChild.remove();
    if (isAtEnd) chat.scrollTop = chat.scrollHeight;
  }
}
