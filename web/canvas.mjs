/** The board: ink that stays, everybody's pointer above it, and what a pointer or a keyboard does there. */

const MAX_LINES = 6_000; // as many as the relay keeps; the oldest vanish
const LINE_WIDTH = 1 / 260; // of the board's width
const KEY_SPEED = 0.35; // of the board's height in a second
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const COLOURS = 8;
const STILL = 1e-4; // nobody sees a pointer move by less than this part of the board

/** Make a canvas as fine as the screen, now and whenever its size changes, and call `draw` after that. */
export function keepSharp(canvas, draw) {
  new ResizeObserver(() => {
    canvas.width = Math.round(canvas.clientWidth * devicePixelRatio);
    canvas.height = Math.round(canvas.clientHeight * devicePixelRatio);
    draw();
  }).observe(canvas);
}

/** Call `draw` now and whenever the page turns light or dark. */
export function followTheme(draw) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  draw();
}

/** @returns {string} the value of a CSS variable */
export function cssVariable(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export class Board {
  #canvas;
  #ink = document.createElement("canvas");
  #lines = [];
  #people = new Map();
  #me = 0;
  #held = new Set();
  #colours = [];
  #onColours = "";
  #font = "";
  #before = 0;
  #isStale = true;
  #isCalm = matchMedia("(prefers-reduced-motion: reduce)");

  /** Called with x, y (0 to 1) and whether it draws. */
  onPoint = () => {};

  constructor(canvas) {
    this.#canvas = canvas;
    this.#listen();
    followTheme(() => {
      this.#colours = Array.from({ length: COLOURS }, (_, colour) => cssVariable(`--person-${colour}`));
      this.#onColours = cssVariable("--on-person");
      this.#font = `600 12px ${cssVariable("--sans")}`;
      this.#drawInk();
    });
    keepSharp(canvas, () => {
      this.#ink.width = canvas.width;
      this.#ink.height = canvas.height;
      this.#drawInk();
    });
    requestAnimationFrame((now) => this.#frame(now));
  }

  reset(me) {
    this.#me = me;
    this.#people.clear();
    this.clear();
  }

  forgetOthers() {
    for (const id of this.#people.keys()) {
      if (id !== this.#me) this.leave(id);
    }
  }

  join(id, name, colour) {
    this.#people.set(id, { ...this.#people.get(id), name, colour });
    this.#isStale = true;
  }

  leave(id) {
    this.#people.delete(id);
    this.#isStale = true;
  }

  colourOf(id) {
    return this.#people.get(id)?.colour ?? 0;
  }

  move(id, x, y) {
    const person = this.#people.get(id);
    if (!person) return;
    Object.assign(person, { x, y, shownX: person.shownX ?? x, shownY: person.shownY ?? y });
    this.#isStale = true;
  }

  line(...line) {
    this.#lines.push(line);
    if (this.#lines.length > MAX_LINES) {
      this.#lines.splice(0, MAX_LINES / 10);
      this.#drawInk();
    } else {
      this.#drawLine(this.#ink.getContext("2d"), ...line);
    }
  }

  clear() {
    this.#lines = [];
    this.#drawInk();
  }

  // Drawing.

  #drawInk() {
    const context = this.#ink.getContext("2d");
    context.clearRect(0, 0, this.#ink.width, this.#ink.height);
    for (const line of this.#lines) this.#drawLine(context, ...line);
    this.#isStale = true;
  }

  #drawLine(context, colour, x0, y0, x1, y1) {
    const { width, height } = this.#ink;
    context.strokeStyle = this.#colours[colour];
    context.lineWidth = Math.max(width * LINE_WIDTH, 1.5);
    context.lineCap = "round";
    context.beginPath();
    context.moveTo(x0 * width, y0 * height);
    context.lineTo(x1 * width, y1 * height);
    context.stroke();
    this.#isStale = true;
  }

  #frame(now) {
    this.#moveByKeys(Math.min(now - this.#before, 100) / 1000);
    this.#before = now;
    if (this.#isStale) this.#draw();
    requestAnimationFrame((later) => this.#frame(later));
  }

  #draw() {
    this.#isStale = false;
    const context = this.#canvas.getContext("2d");
    context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    if (this.#ink.width) context.drawImage(this.#ink, 0, 0);
    for (const [id, person] of this.#people) {
      if (person.x !== undefined) this.#drawPerson(context, person, id === this.#me);
    }
  }

  #drawPerson(context, person, isMe) {
    const share = isMe || this.#isCalm.matches ? 1 : 0.45; // the others glide from one place to the next
    person.shownX += (person.x - person.shownX) * share;
    person.shownY += (person.y - person.shownY) * share;
    this.#isStale ||= Math.hypot(person.x - person.shownX, person.y - person.shownY) > STILL;
    const unit = devicePixelRatio;
    context.save();
    context.translate(person.shownX * this.#canvas.width, person.shownY * this.#canvas.height);
    context.scale(unit, unit);
    context.fillStyle = this.#colours[person.colour];
    context.strokeStyle = this.#onColours;
    context.lineWidth = 1.5;
    if (isMe) {
      context.beginPath();
      context.arc(0, 0, 5, 0, 2 * Math.PI);
      context.fill();
      context.stroke();
    } else {
      context.fill(POINTER);
      context.stroke(POINTER);
      this.#drawTag(context, person);
    }
    context.restore();
  }

  #drawTag(context, person) {
    context.font = this.#font;
    const width = context.measureText(person.name).width + 14;
    const isAtEdge = person.shownX * this.#canvas.clientWidth + 14 + width > this.#canvas.clientWidth;
    const x = isAtEdge ? -width - 4 : 12;
    const y = person.shownY > 0.92 ? -26 : 14;
    context.beginPath();
    context.roundRect(x, y, width, 20, 7);
    context.fill();
    context.fillStyle = this.#onColours;
    context.textBaseline = "middle";
    context.fillText(person.name, x + 7, y + 10.5);
  }

  // Pointer and keyboard.

  #listen() {
    const canvas = this.#canvas;
    const point = (event, isDrawing) =>
      this.onPoint(event.offsetX / canvas.clientWidth, event.offsetY / canvas.clientHeight, isDrawing);

    canvas.addEventListener("pointerdown", (event) => {
      if (!event.isPrimary || event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      point(event, false);
      point(event, true);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!event.isPrimary) return;
      const isDrawing = (event.buttons & 1) === 1;
      const events = (isDrawing && event.getCoalescedEvents?.()) || []; // only where the page is secure
      for (const each of events.length ? events : [event]) point(each, isDrawing);
    });
    canvas.addEventListener("keydown", (event) => {
      if (!(event.key in ARROWS) && event.key !== " ") return;
      event.preventDefault();
      if (!event.repeat) this.#press(event.key);
    });
    canvas.addEventListener("keyup", (event) => this.#held.delete(event.key));
    canvas.addEventListener("blur", () => this.#held.clear());
  }

  #press(key) {
    this.#held.add(key);
    const { x, y } = this.#myPlace();
    this.onPoint(x, y, false);
    if (key === " ") this.onPoint(x, y, true);
  }

  #moveByKeys(seconds) {
    let [dx, dy] = [0, 0];
    for (const key of this.#held) {
      dx += ARROWS[key]?.[0] ?? 0;
      dy += ARROWS[key]?.[1] ?? 0;
    }
    if (!dx && !dy) return;
    const aspect = this.#canvas.clientWidth / this.#canvas.clientHeight;
    const { x, y } = this.#myPlace();
    const step = KEY_SPEED * seconds;
    this.onPoint(within(x + (dx * step) / aspect), within(y + dy * step), this.#held.has(" "));
  }

  #myPlace() {
    const { x = 0.5, y = 0.5 } = this.#people.get(this.#me) ?? {};
    return { x, y };
  }
}

function within(value) {
  return Math.min(Math.max(value, 0), 1);
}

const POINTER = new Path2D("M0 0 L4.5 15 L7.5 8.5 L14.5 7 Z");
