/** Runs the program in a Web Worker; the page is its view, by messages. */

import { SHOWS } from "./bridge.mjs";
import { lastLine, startProgram } from "./program.mjs";

let calls = [];

/** What one step of the program shows goes to the page as one message. */
function show(...call) {
  if (calls.push(call) === 1) {
    queueMicrotask(() => {
      postMessage(calls);
      calls = [];
    });
  }
}

const view = Object.fromEntries(SHOWS.map((name) => [name, (...args) => show(name, ...args)]));
const commands = startProgram(view, new URLSearchParams(location.search).get("name") ?? "");
commands.catch((error) => view.failed(`The program could not start. ${lastLine(error)}`));

onmessage = async ({ data: [command, ...args] }) => (await commands)[command](...args);
