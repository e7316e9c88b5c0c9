// Earlier replies, in this browser only: nothing is kept before somebody asks for it, and all of it can be erased.
import { make } from "./view.js";

const PLACE = "replycheck.history";
const MOST = 50;

function read() {
  try {
    const found = JSON.parse(localStorage.getItem(PLACE));
    const items = Array.isArray(found) ? found : null;
    return items?.filter((i) => i && typeof i.reply === "string" && typeof i.message === "string" && typeof i.at === "string") ?? null;
  } catch {
    return null;
  }
}

/** Whether it was kept; a full or forbidden store is no reason to fail. */
function write(items) {
  try {
    if (items === null) localStorage.removeItem(PLACE);
    else localStorage.setItem(PLACE, JSON.stringify(items.slice(0, MOST)));
    return true;
  } catch {
    return false;
  }
}

export class History {
  /** `restore(item)` puts an earlier reply back; `words` are the codebook's. */
  constructor({ box, list, erase, restore, words }) {
    Object.assign(this, { box, list, restore, words, draft: crypto.randomUUID() });
    box.checked = read() !== null;
    box.addEventListener("change", () => {
      if (!box.checked) write(null);
      else box.checked = write([]);
      this.draw();
    });
    erase.addEventListener("click", () => {
      write(box.checked ? [] : null);
      this.draw();
    });
    this.draw();
  }

  /** The next reply is another one, not a longer version of this one. */
  next() { this.draft = crypto.randomUUID(); }

  add(reply, message, verdict) {
    const items = read();
    if (items === null) return;
    const item = { id: this.draft, at: new Date().toISOString(), reply, message, label: verdict.label };
    write([item, ...items.filter((i) => i.id !== this.draft)]);
    this.draw();
  }

  draw() {
    const items = read() ?? [];
    this.list.replaceChildren(...items.map((item) => {
      const first = item.reply.trim().split("\n")[0];
      const name = first.length > 70 ? `${first.slice(0, 69)}…` : first;
      const label = this.words.labels[item.label]?.plain ?? "";
      return make("li", {},
        make("button", { type: "button", text: name, onclick: () => { this.next(); this.restore(item); } }),
        make("span", { class: "soft", text: ` ${label} · ${new Date(item.at).toLocaleString()} ` }),
        make("button", { type: "button", "aria-label": `Erase: ${name}`, text: "Erase", onclick: () => { write(read().filter((i) => i.id !== item.id)); this.draw(); } }));
    }));
  }
}
