/** Starts board.py in Pyodide. The page and the Web Worker both come here. */

import { COMMANDS, nextFrame } from "./bridge.mjs";

const PYODIDE = new URL("./pyodide/", import.meta.url);
const PROGRAM = new URL("./board.py", import.meta.url);

/**
 * @param {object} view has the methods of SHOWS; the program calls them
 * @param {string} name what the participant is called, "" for a name that is made up
 * @returns {Promise<Record<string, Function>>} the functions of COMMANDS; they may be called at any time
 */
export async function startProgram(view, name) {
  view.progress(0, "Loading Python");
  const { loadPyodide } = await import(new URL("pyodide.mjs", PYODIDE));
  view.progress(1, "Starting Python");
  const pyodide = await loadPyodide({ indexURL: PYODIDE.href, packages: ["micropip"] });

  view.progress(2, "Installing pyws_browser");
  await pyodide.pyimport("micropip").install("pyws-browser");

  view.progress(3, "Starting board.py");
  pyodide.FS.writeFile("board.py", await fetchText(PROGRAM));
  view.frame = nextFrame;
  const participant = pyodide.pyimport("board").Participant(view, name);
  participant.run().catch((error) => view.failed(`The program has stopped. ${lastLine(error)}`));
  view.started(pyodide.runPython("import sys; sys.version.split()[0]"));
  return Object.fromEntries(COMMANDS.map((command) => [command, participant[command]]));
}

async function fetchText(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} could not be loaded: ${response.status} ${response.statusText}`);
  return response.text();
}

/** Python's tracebacks end in the line that says what happened. */
export function lastLine(error) {
  return String(error?.message ?? error).trim().split("\n").at(-1);
}
