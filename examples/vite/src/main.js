// The program is bundled as text; Pyodide and the wheel lie in public/pyodide: ./build.sh dist examples/vite/public/pyodide
import program from "./program.py?raw";

const out = document.querySelector("#out");
const print = (line) => out.append(`${line}\n`);

try {
  const { loadPyodide } = await import(/* @vite-ignore */ `${import.meta.env.BASE_URL}pyodide/pyodide.mjs`);
  const pyodide = await loadPyodide({ packages: ["pyws-browser"], stdout: print, stderr: print });
  pyodide.FS.writeFile("program.py", program);
  const url = new URL(location).searchParams.get("url") ?? "ws://127.0.0.1:8765/";
  await pyodide.pyimport("program").hello(url);
} catch (error) {
  print(error);
}
