// Plain JavaScript, the measure of all the others. The same three exercises are in `peers.py`.
self.plainJs = {
    async open(url) {
        this.socket = new WebSocket(url);
        this.socket.binaryType = "arraybuffer";
        await new Promise((resolve, reject) => {
            this.socket.onopen = resolve;
            this.socket.onerror = reject;
        });
    },

    close() {
        this.socket.onmessage = null;
        this.socket.close();
    },

    message(kind, size) {
        return kind === "text" ? "x".repeat(size) : new Uint8Array(size).fill(120);
    },

    // Each resolves to milliseconds.
    echo(kind, size, count) {
        const message = this.message(kind, size);
        let left = count;
        return this.timed(() => this.socket.send(message), (data) => {
            if ((data.byteLength ?? data.length) !== size) throw new Error("a wrong echo");
            if (--left === 0) return true;
            this.socket.send(message);
            return false;
        });
    },

    flood_in(kind, size, count) {
        let left = count;
        return this.timed(() => this.socket.send("go"), (data) => {
            if ((data.byteLength ?? data.length) !== size) throw new Error("a wrong message");
            return --left === 0;
        });
    },

    flood_out(kind, size, count) {
        const message = this.message(kind, size);
        return this.timed(() => {
            for (let i = 0; i < count; i++) this.socket.send(message);
        }, () => true);
    },

    timed(begin, isDone) {
        return new Promise((resolve) => {
            this.socket.onmessage = ({ data }) => {
                if (isDone(data)) resolve(performance.now() - start);
            };
            const start = performance.now();
            begin();
            this.begin_ms = performance.now() - start;
        });
    },
};
