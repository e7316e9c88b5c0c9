// The page: what is typed is judged, marked where it stands, and explained beside it.
import { Client, latest } from "./client.js";
import { correction } from "./feedback.js";
import { History } from "./history.js";
import { placed, surviving } from "./spans.js";
import { legend, make, show, spoken } from "./view.js";

const at = (id) => document.getElementById(id);
const client = new Client({ base: new URL("./", document.baseURI), key: kept("replycheck.key") });
const reply = at("reply");
const message = at("message");
const QUIET = 1200; // ms without a key before a screen reader is told, so that it isn't talked over
const SETTLED = 4000; // ms without a key before a reply goes into the history
let words, about, history;
let marked = { text: "", sentences: [] };
let current = null; // what is shown: { reply, message, verdict }
let timers = [];

function kept(name) {
  try { return sessionStorage.getItem(name) ?? ""; } catch { return ""; }
}

function mirror() {
  const text = reply.value;
  const sentences = surviving(marked.sentences, marked.text, text);
  const parts = [];
  let end = 0;
  for (const s of sentences) {
    parts.push(text.slice(end, s.from), make("span", { class: `said ${s.side}`, "data-mark": words.sides[s.side].symbol, text: text.slice(s.from, s.to) }));
    end = s.to;
  }
  // a last line that is empty has no height of its own
  at("reply-mirror").replaceChildren(...parts, `${text.slice(end)}\n`);
  at("message-mirror").textContent = `${message.value}\n`;
  marked = { text, sentences };
}

const judge = latest(({ reply, message }, signal) => client.check({ reply, patron_message: message || null }, signal), {
  delay: 350, answered, failed,
});

function answered(verdict, value) {
  current = { ...value, verdict };
  marked = { text: value.reply, sentences: placed(verdict, value.reply) };
  mirror();
  at("verdict").setAttribute("aria-busy", "false");
  at("verdict").replaceChildren(...show(verdict, words, select));
  for (const id of ["trouble", "empty", "key-form"]) at(id).hidden = true;
  at("order").hidden = verdict.label !== "service-pushing" || !movable(verdict);
  reorderedFrom(value.reply);
  at("feedback").hidden = !about.feedback;
  at("feedback").open = false;
  correction({ form: at("feedback-form"), done: at("feedback-done"), client, words, ...current });
  later(QUIET, () => { at("live").textContent = spoken(verdict, words); });
  later(SETTLED, () => history.add(value.reply, value.message, verdict));
}

/** Whether something that pushes stands before something that does not: only then another order is worth asking for. */
function movable(verdict) {
  const sides = verdict.sentences.map((s) => s.side).filter((side) => side !== "courtesy");
  return sides.includes("pushing") && sides.slice(sides.indexOf("pushing")).some((side) => side !== "pushing");
}

function failed(fault) {
  at("verdict").setAttribute("aria-busy", "false");
  at("key-form").hidden = fault.status !== 401;
  at("trouble").hidden = fault.status === 401;
  at("trouble-text").textContent = fault.message;
  at("live").textContent = fault.message;
}

function later(ms, what) { timers.push(setTimeout(what, ms)); }

function changed({ now = false } = {}) {
  timers.forEach(clearTimeout);
  timers = [];
  if (!words) return;
  mirror();
  at("done").textContent = "";
  if (!reply.value.trim()) {
    judge.stop();
    current = null;
    at("verdict").replaceChildren();
    at("verdict").setAttribute("aria-busy", "false");
    at("live").textContent = "";
    at("empty").hidden = false;
    for (const id of ["trouble", "order", "feedback"]) at(id).hidden = true;
    history.next();
    return;
  }
  at("verdict").setAttribute("aria-busy", "true");
  judge({ reply: reply.value, message: message.value.trim() }, { now });
}

function select(sentence) {
  const there = marked.sentences.find((s) => s.start === sentence.start && s.text === sentence.text);
  reply.focus();
  if (there) reply.setSelectionRange(there.from, there.to);
}

function put(text, about = message.value) {
  reply.value = text;
  message.value = about;
  changed({ now: true });
}

// --- another order ---

let before = null;

function reorderedFrom(text) {
  const ours = before !== null && before.after === text;
  if (!ours) before = null;
  at("order-undo").hidden = !ours;
  if (ours) at("order").hidden = false;
  at("order-try").hidden = ours;
  at("order-use").hidden = true;
  at("order-found").replaceChildren();
}

at("order-try").addEventListener("click", async () => {
  const asked = current;
  try {
    const found = await client.reorder({ reply: asked.reply, patron_message: asked.message || null });
    if (asked !== current) return;
    const told = (p) => `${Math.round(p * 100)} %`;
    const helps = found.p_pushing_after < found.p_pushing_before - 0.01;
    at("order-found").replaceChildren(...(found.reply === null
      ? [make("p", { text: "These sentences stand in that order already, or can't be moved." })]
      : [make("p", { class: "found", text: found.reply }), make("p", { class: "soft", text:
        `Likely to push: ${told(found.p_pushing_before)} as it is, ${told(found.p_pushing_after)} in this order.${helps ? "" : " The model sees little difference: other words would do more than another order."}` })]));
    at("order-use").hidden = found.reply === null;
    at("order-try").hidden = true;
    at("order-use").onclick = () => {
      before = { text: asked.reply, after: found.reply };
      put(found.reply);
      reply.focus();
    };
  } catch (fault) {
    at("order-found").replaceChildren(make("p", { text: fault.message }));
  }
});
at("order-undo").addEventListener("click", () => {
  put(before.text);
  reply.focus();
});

// --- everything else that can be pressed ---

reply.addEventListener("input", () => changed());
message.addEventListener("input", () => changed());
at("again").addEventListener("click", () => (words ? changed({ now: true }) : start()));
at("clear").addEventListener("click", () => {
  put("", "");
  reply.focus();
});
at("copy").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(reply.value);
    at("done").textContent = "Copied.";
  } catch {
    reply.select();
    at("done").textContent = "Selected; copy it with your keyboard.";
  }
});
at("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  client.key = at("key").value.trim();
  try { sessionStorage.setItem("replycheck.key", client.key); } catch { /* then it is asked for again */ }
  at("key-form").hidden = true;
  changed({ now: true });
});

async function start() {
  try {
    [words, about] = await Promise.all([client.codebook(), client.about()]);
  } catch (fault) {
    failed(fault);
    return;
  }
  at("trouble").hidden = true;
  at("legend").replaceChildren(...legend(words));
  at("not-for-list").replaceChildren(...words.not_for.map((text) => make("li", { text: text.replaceAll("`", "") })));
  const kind = words.message_kinds.input.example;
  for (const [id, label] of [["example-pushing", "service-pushing"], ["example-listening", "listening"]]) {
    at(id).onclick = () => put(words.labels[label].example, label === "service-pushing" ? kind : "");
  }
  history = new History({ box: at("history-on"), list: at("history-list"), erase: at("history-erase"), restore: (item) => put(item.reply, item.message), words });
  at("key-form").hidden = !about.needs_key || client.key !== "";
  // a browser may have kept what was typed before the page was loaded again
  changed({ now: true });
}

start();
