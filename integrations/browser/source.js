// The draft in the page that the person is on: read when they press the button, from that tab alone.
export { save, settings } from "./stored.js";

const api = globalThis.browser ?? globalThis.chrome;
export const FIXED = false;
export const ready = Promise.resolve();

export async function draft() {
  const [tab] = await api.tabs.query({ active: true, currentWindow: true });
  let frames;
  try {
    frames = await api.scripting.executeScript({ target: { tabId: tab.id, allFrames: true }, files: ["grab.js"] });
  } catch {
    throw new Error("This page can't be read: browsers keep extensions out of their own pages and some others.");
  }
  const found = frames.flatMap((frame) => frame.result ?? []);
  const best = found.filter((f) => f.rank >= 0).sort((a, b) => b.rank - a.rank)[0];
  const message = found.find((f) => f.message)?.message;
  if (!best) throw new Error("No box to write in was found on this page. Click into your draft first.");
  return best.html === undefined ? { draft: best.draft, message } : { html: best.html, message };
}
