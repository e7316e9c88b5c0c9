// Calls to the service, and the rule that the last question gets the answer. Shared by the page and the mail tools.

/** What went wrong with a call, in words for people; `status` 0: the service was not reached, or was too slow. */
export class Problem extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export class Client {
  /** `base`: address of the service with a slash at its end; `key`: an API key where it asks for one. */
  constructor({ base, key = "", timeout = 20000 }) {
    Object.assign(this, { base, key, timeout });
  }

  check(body, signal) { return this.call("POST", "v1/check", body, signal); }
  reorder(body, signal) { return this.call("POST", "v1/reorder", body, signal); }
  correct(body) { return this.call("POST", "v1/feedback", body); }
  takeBack(id) { return this.call("DELETE", `v1/feedback/${encodeURIComponent(id)}`); }
  codebook() { return this.call("GET", "v1/codebook"); }
  about() { return this.call("GET", "v1/page"); }

  async call(method, path, body, signal) {
    const headers = {};
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (this.key) headers["X-API-Key"] = this.key;
    const patience = AbortSignal.timeout(this.timeout);
    try {
      const answer = await fetch(new URL(path, this.base), {
        method, headers, body: body === undefined ? undefined : JSON.stringify(body),
        signal: signal ? AbortSignal.any([signal, patience]) : patience,
        credentials: "omit", referrerPolicy: "no-referrer", cache: "no-store",
      });
      const told = await answer.json();
      if (!answer.ok) throw new Problem(answer.status, told.detail || told.title || `The service answered ${answer.status}.`);
      return told;
    } catch (fault) {
      if (fault instanceof Problem) throw fault;
      if (signal?.aborted) throw new DOMException("Another question came.", "AbortError");
      if (patience.aborted) throw new Problem(0, "The service takes too long to answer. Your text is still here.");
      throw new Problem(0, "The service can't be reached. Your text is still here.");
    }
  }
}

/** Calls `ask(value, signal)` once nothing new has come for `delay` ms. A newer value aborts an older question, and an answer or a
 * fault is told only if nothing newer has come since. */
export function latest(ask, { delay, answered, failed }) {
  let timer, running;
  const stop = () => {
    clearTimeout(timer);
    running?.abort();
    running = undefined;
  };
  const go = (value, { now = false } = {}) => {
    stop();
    const mine = (running = new AbortController());
    timer = setTimeout(async () => {
      try {
        const answer = await ask(value, mine.signal);
        if (running === mine) answered(answer, value);
      } catch (fault) {
        if (running === mine && fault.name !== "AbortError") failed(fault, value);
      }
    }, now ? 0 : delay);
  };
  return Object.assign(go, { stop });
}
