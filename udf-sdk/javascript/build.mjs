// Builds a plugin from a JavaScript module: node build.mjs SOURCE.js OUT.wasm
//
// Called by udf-sdk/toolchain/build, with COMPONENTIZE_JS the directory that componentize-js is installed in.
import { mkdtempSync, copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const [source, out] = process.argv.slice(2);
const sdk = dirname(fileURLToPath(import.meta.url));
// By its path: the package says nothing of where it is to those that are not installed beside it.
const tool = join(process.env.COMPONENTIZE_JS, "node_modules/@bytecodealliance/componentize-js/src/componentize.js");
const { componentize } = await import(pathToFileURL(tool));

// The plugin and the SDK side by side, as imports are by relative path.
const work = mkdtempSync(join(tmpdir(), "waterwheel-javascript-"));
try {
  copyFileSync(join(sdk, "waterwheel.js"), join(work, "waterwheel.js"));
  const text = readFileSync(source, "utf8").replace(/(from\s*)(["'])waterwheel\2/g, '$1"./waterwheel.js"');
  writeFileSync(join(work, "plugin.js"), text);
  writeFileSync(join(work, "main.js"), 'import "./plugin.js";\nexport { functions } from "./waterwheel.js";\n');
  const { component } = await componentize({
    sourcePath: join(work, "main.js"),
    witPath: join(sdk, "../wit/functions.wit"),
    worldName: "plugin",
    disableFeatures: ["stdio", "random", "clocks", "http", "fetch-event"],
  });
  writeFileSync(out, component);
} finally {
  rmSync(work, { recursive: true });
}
