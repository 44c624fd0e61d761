// Reads [{secret, body, headers}] from standard input and prints, for each,
// whether the public svix package accepts it.
import { readFileSync } from "node:fs";
import { Webhook } from "svix";

const cases = JSON.parse(readFileSync(0, "utf8"));
const answers = cases.map(({ secret, body, headers }) => {
  try {
    new Webhook(secret).verify(body, headers);
    return true;
  } catch {
    return false;
  }
});
process.stdout.write(JSON.stringify(answers));
