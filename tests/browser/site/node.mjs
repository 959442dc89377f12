// The tests' place in Node: `node node.mjs PYODIDE main|worker` reads one request a line and writes one answer a line.
//
// A request is the JSON of {id, body}, or of {id, complain: true}. An answer begins with a record separator, which
// tells it from what the program prints.

import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";

import { call, remote, serve } from "./place.mjs";

const [dist, place] = isMainThread ? process.argv.slice(2) : workerData;
const isHere = place === "main" || !isMainThread;
if (isHere) {
    ({ loadPyodide: globalThis.loadPyodide } = await import(pathToFileURL(`${dist}/pyodide.mjs`)));
}

if (isMainThread) {
    let run = call;
    if (!isHere) {
        const worker = new Worker(new URL(import.meta.url), { workerData: [dist, place] });
        worker.on("error", (error) => complaints.push(`the worker: ${error?.stack ?? error}`));
        run = remote(worker);
    }
    const complain = async () => {
        const found = isHere ? [] : JSON.parse(await run("return complaints.splice(0);")).value;
        return JSON.stringify([...complaints.splice(0), ...found]);
    };
    const lines = createInterface({ input: process.stdin });
    lines.on("line", async (line) => {
        const { id, body } = JSON.parse(line);
        const answer = body === undefined ? await complain() : await run(body);
        process.stdout.write(`\x1e${JSON.stringify({ id, answer })}\n`);
    });
    lines.on("close", () => process.exit());
} else {
    serve(parentPort);
}
