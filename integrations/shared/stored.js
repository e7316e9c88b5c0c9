// Settings of an extension, in its own storage; and the permission to reach the service, which the browser asks the person for.
const api = globalThis.messenger ?? globalThis.browser ?? globalThis.chrome;
const BASE = "http://127.0.0.1:8766/";

export async function settings() {
  const { base = BASE, key = "" } = await api.storage.local.get(["base", "key"]);
  return { base, key };
}

export async function save({ base, key }) {
  const { protocol, hostname } = new URL(base);
  const near = hostname === "127.0.0.1" || hostname === "localhost";
  if (protocol !== "https:" && !near) throw new Error("A service on another machine needs an address that starts with https:.");
  if (!near && !(await api.permissions.request({ origins: [`${protocol}//${hostname}/*`] }))) throw new Error("The address was not allowed; nothing was saved.");
  await api.storage.local.set({ base, key });
}
