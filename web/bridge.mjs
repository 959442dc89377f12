/**
 * What the page and the program say to each other. In the main thread these are calls; a Web Worker sends them as
 * messages of the form [name, ...arguments].
 */

/** The methods of `View` in board.py, but for `frame`, and what is told while the program starts. */
export const SHOWS = [
  "progress", "started", "failed",
  "state", "ended", "problem", "welcome", "worker", "joined", "left", "moved", "line", "cleared", "chat", "message", "echoed", "waiting",
];

/** The methods of `Participant` in board.py that stand for what a person does. */
export const COMMANDS = ["connect", "close", "rename", "say", "clear", "send", "point"];

const HIDDEN_FRAME = 250;

/**
 * Wait for the next frame. A page that nobody looks at gets no animation frames, and its connection goes on all the
 * same, so a timer stands in for them.
 * @returns {Promise<boolean>} true: there is always another one
 */
export function nextFrame() {
  return new Promise((resolve) => {
    const timer = setTimeout(next, HIDDEN_FRAME);
    const request = requestAnimationFrame(next);
    function next() {
      clearTimeout(timer);
      cancelAnimationFrame(request);
      resolve(true);
    }
  });
}
