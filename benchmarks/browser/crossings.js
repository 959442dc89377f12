// Counts the operations that Python asks of JavaScript. Goes before loadPyodide(), whose WebAssembly imports them.
self.crossings = 0;
{
    // Calls, constructions, attributes, items and copies; the small change of Pyodide's own checks is left out.
    const operations = /^Jsv(Function_(Call|Construct)|Array_(Get|Set|Delete)|Buffer_assign)|^Js(Proxy|Map|Buffer)_(Get|Set|Del|Bool|get_info)|^js2python_convert|^_python2js/;
    const counted = (functions) => Object.fromEntries(Object.entries(functions).map(([name, value]) => [
        name,
        typeof value === "function" && operations.test(name)
            ? Object.assign((...values) => { self.crossings++; return value(...values); }, value)
            : value,
    ]));
    const { instantiate, instantiateStreaming } = WebAssembly;
    const prepare = (imports) => imports?.env ? { ...imports, env: counted(imports.env) } : imports;
    WebAssembly.instantiate = (source, imports) => instantiate(source, prepare(imports));
    WebAssembly.instantiateStreaming = (source, imports) => instantiateStreaming(source, prepare(imports));
}
