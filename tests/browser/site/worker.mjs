// The module worker of the tests.

import { loadPyodide } from "../pyodide.mjs";
import { serve } from "./place.mjs";

globalThis.loadPyodide = loadPyodide;
serve(self);
