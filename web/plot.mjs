/** Round trips as a plot, and how much goes over the connection. */

import { cssVariable, followTheme, keepSharp } from "./canvas.mjs";

const MAX_TRIPS = 60;
const SCALES = [5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000];

const element = (id) => document.getElementById(id);

export class RoundTrips {
  #trips = [];
  #canvas = element("plot");

  constructor() {
    keepSharp(this.#canvas, () => this.#draw());
    followTheme(() => this.#draw());
  }

  /** @param {number} network @param {number} frame both in milliseconds */
  add(network, frame) {
    this.#trips.push(network);
    if (this.#trips.length > MAX_TRIPS) this.#trips.shift();
    const sorted = this.#trips.toSorted((a, b) => a - b);
    const summary = `median ${inWords(sorted[sorted.length >> 1])}, worst ${inWords(sorted.at(-1))}`;
    element("trip-now").textContent = inWords(network);
    element("trip-frame").textContent = inWords(frame);
    element("trip-summary").textContent = summary;
    this.#canvas.ariaLabel = `Round trips of the last ${Math.ceil(this.#trips.length / 2)} seconds: ${summary}`;
    this.#draw();
  }

  /** Start over, with the next connection. */
  forget() {
    this.#trips = [];
    element("trip-now").textContent = element("trip-frame").textContent = "–";
    element("trip-summary").textContent = "no connection";
    this.#draw();
  }

  #draw() {
    const { width, height } = this.#canvas;
    const unit = devicePixelRatio;
    const context = this.#canvas.getContext("2d");
    const top = SCALES.find((scale) => scale >= Math.max(...this.#trips, 0)) ?? SCALES.at(-1);
    const y = (value) => height - unit - (Math.min(value, top) / top) * (height - 16 * unit);
    const x = (index) => width - 3 * unit - ((this.#trips.length - 1 - index) / (MAX_TRIPS - 1)) * (width - 6 * unit);

    context.clearRect(0, 0, width, height);
    context.lineWidth = unit;
    context.strokeStyle = cssVariable("--edge");
    for (const value of [0, top / 2, top]) {
      context.beginPath();
      context.moveTo(0, y(value));
      context.lineTo(width, y(value));
      context.stroke();
    }
    context.fillStyle = cssVariable("--muted");
    context.font = `${11 * unit}px ${cssVariable("--sans")}`;
    context.fillText(`${top} ms`, 0, 11 * unit);
    if (!this.#trips.length) return;

    context.strokeStyle = context.fillStyle = cssVariable("--accent");
    context.lineWidth = 2 * unit;
    context.lineJoin = "round";
    context.beginPath();
    this.#trips.forEach((value, index) => context.lineTo(x(index), y(value)));
    context.stroke();
    context.beginPath();
    context.arc(x(this.#trips.length - 1), y(this.#trips.at(-1)), 3 * unit, 0, 2 * Math.PI);
    context.fill();
  }
}

export class Rates {
  #counts = { in: [0, 0], out: [0, 0] };
  #since = performance.now();

  constructor() {
    setInterval(() => this.#show(), 1000);
  }

  /** @param {"in"|"out"} direction @param {number} size in bytes */
  count(direction, size) {
    this.#counts[direction][0] += 1;
    this.#counts[direction][1] += size;
  }

  #show() {
    const seconds = (performance.now() - this.#since) / 1000;
    for (const direction of ["in", "out"]) {
      const [messages, bytes] = this.#counts[direction];
      element(`rate-${direction}`).textContent =
        `${Math.round(messages / seconds)} messages/s, ${inBytes(bytes / seconds)}/s`;
      this.#counts[direction] = [0, 0];
    }
    this.#since = performance.now();
  }
}

function inWords(milliseconds) {
  return `${milliseconds < 100 ? milliseconds.toFixed(1) : Math.round(milliseconds)} ms`;
}

function inBytes(bytes) {
  if (bytes < 1024) return `${Math.round(bytes)} B`;
  return bytes < 1024 * 1024 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
