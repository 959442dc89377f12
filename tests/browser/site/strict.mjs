// Runs /programs/strict.py under a Content-Security-Policy that forbids eval, as the page itself would.

import { loadPyodide } from "../pyodide.mjs";

try {
    new Function("");
    throw new Error("the page may use eval, so it proves nothing");
} catch (error) {
    if (!(error instanceof EvalError)) {
        throw error;
    }
}
const pyodide = await loadPyodide();
await pyodide.loadPackage("pyws-browser", { messageCallback() {} });
await pyodide.runPythonAsync(await (await fetch("/programs/strict.py")).text());
