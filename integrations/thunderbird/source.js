// The draft in the compose window that the panel was opened from.
export { save, settings } from "./stored.js";

export const FIXED = false;
export const ready = Promise.resolve();

export async function draft() {
  const [tab] = await messenger.tabs.query({ active: true, currentWindow: true });
  const { isPlainText, body, plainTextBody } = await messenger.compose.getComposeDetails(tab.id);
  return isPlainText ? { draft: plainTextBody } : { html: body };
}
