// Reads [{secret, body, headers}] from standard input and prints, for each,
// whether the public packages accept it: {"svix": true, "standardwebhooks": true}.
// svix is given the svix- headers only, and standardwebhooks the webhook- ones.
import { readFileSync } from "node:fs";
import { Webhook as Standard } from "standardwebhooks";
import { Webhook as Svix } from "svix";

const libraries = { svix: [Svix, "svix-"], standardwebhooks: [Standard, "webhook-"] };
const cases = JSON.parse(readFileSync(0, "utf8"));
const answers = cases.map(({ secret, body, headers }) =>
  Object.fromEntries(
    Object.entries(libraries).map(([name, [Webhook, prefix]]) => {
      const own = Object.fromEntries(Object.entries(headers).filter(([key]) => key.startsWith(prefix)));
      try {
        new Webhook(secret).verify(body, own);
        return [name, true];
      } catch {
        return [name, false];
      }
    }),
  ),
);
process.stdout.write(JSON.stringify(answers));
