// A kernel as JupyterLite's is built: Pyodide in a worker, one namespace, top-level await in a cell, one cell at a time.

import { loadPyodide } from "../pyodide.mjs";

const ready = (async () => {
    const pyodide = await loadPyodide();
    await pyodide.loadPackage("micropip", { messageCallback() {} });
    await pyodide.runPythonAsync(`
import ast, asyncio, inspect, sys, traceback
import micropip

sys.modules["piplite"] = micropip
namespace = {"__name__": "__main__"}

async def run_cell(code):
    tree = ast.parse(code, "<cell>")
    shown = ast.Expression(tree.body.pop().value) if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    result = None
    for part, mode in ((tree, "exec"), (shown, "eval")):
        if part is not None:
            compiled = compile(part, "<cell>", mode, flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            result = eval(compiled, namespace)
            if inspect.iscoroutine(result):
                result = await result
    return repr(result)
`);
    return pyodide;
})();
let last = Promise.resolve();

onmessage = ({ data }) => {
    last = last.then(async () => {
        const pyodide = await ready;
        const runCell = pyodide.globals.get("run_cell");
        try {
            postMessage({ status: "ok", result: await runCell(data.code) });
        } catch (error) {
            postMessage({ status: "error", traceback: String(error) });
        } finally {
            runCell.destroy();
        }
    });
};
