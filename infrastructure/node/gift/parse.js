// Reads a JSON list of GIFT files from standard input, and prints what gift-pegjs makes of each, a line each.
const { parse } = require("gift-pegjs");

const files = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
for (const file of files) {
  try {
    console.log(JSON.stringify(parse(file)));
  } catch (error) {
    console.log(JSON.stringify({ error: error.message }));
  }
}
