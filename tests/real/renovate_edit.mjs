// Applies the updates of a report of Renovate to images.toml, with Renovate's own code: its local platform
// only looks updates up. Arguments: the folder of Renovate, and the report.
import { readFileSync, writeFileSync } from "node:fs";

const [renovate, reportFile] = process.argv.slice(2);
const { doAutoReplace } = await import(`${renovate}/dist/workers/repository/update/branch/auto-replace.js`);
const { GlobalConfig } = await import(`${renovate}/dist/config/global.js`);
GlobalConfig.set({ localDir: process.cwd() });

const report = JSON.parse(readFileSync(reportFile, "utf8"));
let text = readFileSync("images.toml", "utf8");
for (const file of report.repositories.local.packageFiles.regex) {
  for (const [depIndex, dep] of file.deps.entries()) {
    for (const update of dep.updates) {
      const upgrade = { ...file, ...dep, ...update, manager: "regex", depIndex };
      const edited = await doAutoReplace(upgrade, text, false);
      if (!edited) throw new Error(`cannot edit ${dep.depName}`);
      text = edited;
    }
  }
}
writeFileSync("images.toml", text);
