// Parses an AsyncAPI document and prints what the parser has to say: node asyncapi.cjs NODE_MODULES DOCUMENT
const { createRequire } = require("node:module");
const { readFileSync } = require("node:fs");

const [modules, path] = process.argv.slice(2);
const { Parser } = createRequire(`${modules}/`)("@asyncapi/parser");

new Parser().parse(readFileSync(path, "utf-8")).then(({ document, diagnostics }) => {
  const wrong = diagnostics.filter((d) => d.severity <= 1); // errors and warnings
  for (const d of wrong) console.log(`${d.path.join(".")}: ${d.code}: ${d.message}`);
  if (document) console.log(`messages: ${document.allMessages().length}`);
  process.exitCode = document && wrong.length === 0 ? 0 : 1;
});
