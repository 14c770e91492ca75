// Builds a plugin from a JavaScript module: node build.mjs SOURCE.js OUT.wasm
//
// Called by udf-sdk/toolchain/build, with COMPONENTIZE_JS the directory that componentize-js is installed in. What the source imports
// from "waterwheel/assets", "waterwheel/clock", "waterwheel/random" and "waterwheel/log" is what the plugin asks its host for: one that
// imports none of these has no imports.
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const [source, out] = process.argv.slice(2);
const sdk = dirname(fileURLToPath(import.meta.url));
// By its path: the package says nothing of where it is to those that are not installed beside it.
const tool = join(process.env.COMPONENTIZE_JS, "node_modules/@bytecodealliance/componentize-js/src/componentize.js");
const { componentize } = await import(pathToFileURL(tool));

const INTERFACES = ["assets", "clock", "random", "log"];

// The world of a plugin that imports these interfaces and no others.
function worldThatAsks(asked, work) {
  const wit = join(sdk, "../wit/functions.wit");
  if (asked.size === 0) return { witPath: wit, worldName: "plugin" };
  const witPath = join(work, "wit");
  mkdirSync(witPath);
  copyFileSync(wit, join(witPath, "functions.wit"));
  const imports = INTERFACES.filter((name) => asked.has(name)).map((name) => `  import ${name};\n`).join("");
  const world = `package waterwheel:functions@1.0.0;\n\nworld plugin-that-asks {\n${imports}  export functions;\n}\n`;
  writeFileSync(join(witPath, "world.wit"), world);
  return { witPath, worldName: "plugin-that-asks" };
}

// The plugin and the SDK side by side, as imports are by relative path.
const work = mkdtempSync(join(tmpdir(), "waterwheel-javascript-"));
try {
  copyFileSync(join(sdk, "waterwheel.js"), join(work, "waterwheel.js"));
  const asked = new Set();
  const text = readFileSync(source, "utf8").replace(/(from\s*)(["'])waterwheel(?:\/(\w+))?\2/g, (_, from, quote, name) => {
    if (name === undefined) return `${from}"./waterwheel.js"`;
    if (!INTERFACES.includes(name)) throw new Error(`there is no "waterwheel/${name}": there are ${INTERFACES.join(", ")}`);
    asked.add(name);
    return `${from}"waterwheel:functions/${name}@1.0.0"`;
  });
  writeFileSync(join(work, "plugin.js"), text);
  writeFileSync(join(work, "main.js"), 'import "./plugin.js";\nexport { functions } from "./waterwheel.js";\n');
  const { component } = await componentize({
    sourcePath: join(work, "main.js"),
    ...worldThatAsks(asked, work),
    disableFeatures: ["stdio", "random", "clocks", "http", "fetch-event"],
  });
  writeFileSync(out, component);
} finally {
  rmSync(work, { recursive: true });
}
