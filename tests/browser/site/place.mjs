// What every place has: it runs the bodies of functions that the tests send, and keeps what nobody caught.

globalThis.complaints = [];

const AsyncFunction = (async () => {}).constructor;

if (globalThis.addEventListener) {
    globalThis.addEventListener("error", (event) => complain("uncaught", event.error ?? event.message));
    globalThis.addEventListener("unhandledrejection", (event) => complain("unhandled rejection", event.reason));
} else {
    process.on("uncaughtException", (error) => complain("uncaught", error));
    process.on("unhandledRejection", (reason) => complain("unhandled rejection", reason));
}

function complain(what, error) {
    complaints.push(`${what}: ${error} ${error?.stack ?? ""}`);
}

export async function call(body) {
    try {
        return JSON.stringify({ value: (await new AsyncFunction(body)()) ?? null });
    } catch (error) {
        return JSON.stringify({ error: String(error), stack: String(error?.stack) });
    }
}

// Lets the place at the other end of `port` run bodies; returns the same function as `call`, which runs them there.
export function remote(port) {
    const waiting = new Map();
    let last = 0;
    const settle = (event) => {
        const { id, outcome } = event.data ?? event;
        waiting.get(id)?.(outcome);
        waiting.delete(id);
    };
    port.addEventListener ? port.addEventListener("message", settle) : port.on("message", settle);
    return (body) => new Promise((resolve) => {
        waiting.set(++last, resolve);
        port.postMessage({ id: last, body });
    });
}

// Runs the bodies that come through `port`.
export function serve(port) {
    const answer = async (event) => {
        const { id, body } = event.data ?? event;
        port.postMessage({ id, outcome: await call(body) });
    };
    port.addEventListener ? port.addEventListener("message", answer) : port.on("message", answer);
}
