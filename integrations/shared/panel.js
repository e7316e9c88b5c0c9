// The panel beside a draft. What differs between a browser, Thunderbird and Outlook is in their `source.js`.
import * as source from "./source.js";
import { Client, latest } from "./web/client.js";
import { show } from "./web/view.js";

const at = (id) => document.getElementById(id);
let client, words;

const judge = latest(async (_, signal) => {
  const draft = await source.draft();
  const { message, ...text } = draft;
  if (!(text.html ?? text.draft ?? "").trim()) throw new Error("There is no draft with words in it on this page.");
  if (message && !at("message").value) at("message").value = message;
  words ??= await client.codebook();
  return client.check({ ...text, patron_message: at("message").value.trim() || null }, signal);
}, {
  delay: 400,
  answered(verdict) {
    at("trouble").hidden = true;
    at("verdict").setAttribute("aria-busy", "false");
    at("verdict").replaceChildren(...show(verdict, words));
  },
  failed(fault) {
    at("verdict").setAttribute("aria-busy", "false");
    at("verdict").replaceChildren();
    at("trouble").textContent = fault.message;
    at("trouble").hidden = false;
    if (fault.status === 401 || fault.status === 0) at("settings").open = true;
  },
});

function check(options = { now: true }) {
  at("verdict").setAttribute("aria-busy", "true");
  judge(null, options);
}

async function start() {
  const { base, key } = await source.settings();
  client = new Client({ base, key });
  at("base").value = base;
  at("base-row").hidden = source.FIXED;
  at("base").disabled = source.FIXED;
  at("key").value = key;
  check();
}

at("again").addEventListener("click", () => check());
at("message").addEventListener("input", () => check({ now: false }));
at("settings-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const base = at("base").value.replace(/\/*$/, "/");
  try {
    await source.save({ base, key: at("key").value.trim() });
    words = undefined;
    await start();
  } catch (fault) {
    at("trouble").textContent = fault.message;
    at("trouble").hidden = false;
  }
});
source.ready.then(start);
