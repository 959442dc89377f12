// The page of the tests: `run` runs the body of a function in the place that the page was asked for.

import { loadPyodide } from "../pyodide.mjs";
import { call, remote } from "./place.mjs";

const isWorker = new URLSearchParams(location.search).get("place") === "worker";

globalThis.loadPyodide = loadPyodide;
globalThis.run = call;

if (isWorker) {
    globalThis.worker = new Worker("worker.mjs", { type: "module" });
    worker.addEventListener("error", (event) => complaints.push(`the worker: ${event.message}`));
    globalThis.run = remote(worker);
}

globalThis.complain = async () => {
    const found = isWorker ? JSON.parse(await run("return complaints.splice(0);")).value : [];
    return JSON.stringify([...complaints.splice(0), ...found]);
};
