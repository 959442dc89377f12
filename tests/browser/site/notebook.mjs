// A notebook of three cells, sent to the kernel one after the other as JupyterLite sends them.

const kernel = new Worker("kernel.mjs", { type: "module" });
const program = await (await fetch("/programs/kernel.py")).text();

function execute(code) {
    return new Promise((resolve, reject) => {
        kernel.onmessage = ({ data }) => (data.status === "ok" ? resolve(data.result) : reject(new Error(data.traceback)));
        kernel.postMessage({ type: "execute_request", code });
    });
}

await execute("import piplite\nawait piplite.install('pyws-browser')");
await execute("import pyws_browser\npyws_browser.WebSocketPeer()");
await execute(program);
