// Starts Python in the page, installs gql, and runs program.py.

import { loadPyodide } from "/pyodide.mjs";

const pyodide = await loadPyodide();
await pyodide.loadPackage(["micropip", "pyws-browser"]);
pyodide.globals.set("index", new URLSearchParams(location.search).get("index"));
await pyodide.runPythonAsync(await (await fetch("program.py")).text());
