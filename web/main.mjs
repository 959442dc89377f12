/** The page: starts the program, here or in a Web Worker, and takes what a person does to it. */

import { COMMANDS } from "./bridge.mjs";
import { lastLine, startProgram } from "./program.mjs";
import { PageView } from "./view.mjs";

const parameters = new URLSearchParams(location.search);
const isInWorker = parameters.has("worker");
const element = (id) => document.getElementById(id);
const view = new PageView();

// Whatever nobody expected is told in words, too.
addEventListener("error", (event) => view.problem(`Something went wrong: ${event.message}`));
addEventListener("unhandledrejection", (event) => view.problem(`Something went wrong: ${lastLine(event.reason)}`));

// Until the program has started, its commands say so.
let commands = Object.fromEntries(
  COMMANDS.map((command) => [command, () => view.problem("The program is still loading: try again in a moment")]),
);

sayWhereItRuns();
listen();
start();

async function start() {
  const name = parameters.get("name") ?? "";
  try {
    const [relay, started] = await Promise.all([relayUrl(), isInWorker ? startWorker(name) : startProgram(view, name)]);
    commands = started;
    view.board.onPoint = commands.point;
    if (relay) commands.connect(relay, "");
  } catch (error) {
    view.failed(`The program could not start. ${lastLine(error)}`);
  }
}

/** @returns {Promise<Record<string, Function>>} the program's commands, once it has started */
function startWorker(name) {
  const url = new URL("./worker.mjs", import.meta.url);
  url.searchParams.set("name", name);
  const worker = new Worker(url, { type: "module" });
  return new Promise((resolve) => {
    worker.onmessage = ({ data: calls }) => {
      for (const [method, ...args] of calls) {
        view[method](...args);
        if (method === "started") resolve(postTo(worker));
      }
    };
    worker.onerror = (event) => view.failed(`The worker failed. ${event.message ?? "Its file could not be loaded."}`);
  });
}

function postTo(worker) {
  return Object.fromEntries(COMMANDS.map((command) => [command, (...args) => worker.postMessage([command, ...args])]));
}

/** Ask where this site's relay is, and put it into the URL box; "" if there is none. */
async function relayUrl() {
  const response = await fetch("config.json");
  if (!response.ok) {
    view.problem("this site names no relay of its own: type the URL of a WebSocket server, and connect");
    return "";
  }
  const { relayPort } = await response.json();
  const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.hostname}:${relayPort}/`;
  element("url").value = url;
  element("join").textContent = `python web/board.py ${url}`;
  return url;
}

function listen() {
  const on = (id, kind, action) => element(id).addEventListener(kind, action);
  const onSubmit = (id, action) => on(id, "submit", (event) => {
    event.preventDefault();
    view.forgetProblem();
    action();
  });

  onSubmit("connect", () => commands.connect(element("url").value, element("protocols").value));
  onSubmit("close", () => commands.close(element("code").value, element("reason").value));
  on("again", "click", () => {
    view.forgetProblem();
    commands.connect(element("url").value, element("protocols").value);
  });
  onSubmit("say", () => {
    commands.say(element("say-text").value);
    if (view.isOpen) element("say-text").value = "";
  });
  onSubmit("send", () => commands.send(element("send-text").value, element("send-as").value === "hex"));
  on("clear", "click", () => commands.clear());
  on("name", "change", (event) => commands.rename(event.target.value));
}

function sayWhereItRuns() {
  const other = new URLSearchParams(parameters);
  if (isInWorker) {
    other.delete("worker");
    element("thread").textContent = "Python runs in a Web Worker.";
    element("other-thread").textContent = "Run it in the main thread";
  } else {
    other.set("worker", "");
  }
  element("other-thread").href = `?${other}`.replace(/=(?=&|$)/, "");
}
