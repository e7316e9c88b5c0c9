// A verdict as elements of a page. Every word of the codebook comes from the service; texts are only ever set as text.

/** An element: its name, its attributes (`class`, `text` and `on…` handlers among them), its children. */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "text") element.textContent = value;
    else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null) element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

const percent = (p) => `${Math.round(p * 100)} %`;

/** The verdict in a sentence or two, for eyes and for screen readers. */
export function inWords(verdict, words) {
  const what = words.labels[verdict.label].plain;
  if (!verdict.unsure) return [`This reply ${what}.`, ""];
  const detail = verdict.unsure_reason === "out_of_domain" ? ` (${verdict.unsure_detail})` : "";
  return [`This reply probably ${what}.`, `Unsure, look yourself: ${words.unsure_reasons[verdict.unsure_reason].plain}${detail}.`];
}

/** What a screen reader is told once the writer pauses. */
export function spoken(verdict, words) {
  const pushing = verdict.sentences.filter((s) => s.side === "pushing");
  const count = verdict.sentences.length;
  const which = pushing.length
    ? `${pushing.length} of ${count} ${count === 1 ? "sentence pushes" : "sentences push"}: ${[...new Set(pushing.map((s) => words.moves[s.move].plain))].join(", ")}.`
    : "";
  return [...inWords(verdict, words), which].filter(Boolean).join(" ");
}

/** What each mark means. */
export function legend(words) {
  return Object.entries(words.sides).map(([side, { symbol, plain }]) =>
    make("li", { class: side }, make("span", { class: "mark", "aria-hidden": "true", text: `${symbol} ` }), make("span", { class: "said", text: plain })));
}

function meter(verdict, words) {
  const NS = "http://www.w3.org/2000/svg";
  const draw = (name, attributes) => {
    const element = document.createElementNS(NS, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const at = (p) => `${2 + 96 * p}%`;
  const svg = draw("svg", { "aria-hidden": "true" });
  const dot = `dot${verdict.label === "service-pushing" ? " pushing" : ""}${verdict.unsure ? " unsure" : ""}`;
  svg.append(
    draw("line", { class: "track", x1: at(0), x2: at(1), y1: 17, y2: 17 }),
    draw("line", { class: "past", x1: at(verdict.threshold), x2: at(1), y1: 17, y2: 17 }),
    draw("line", { class: "tick", x1: at(verdict.threshold), x2: at(verdict.threshold), y1: 6, y2: 28 }),
    draw("circle", { class: dot, cx: at(verdict.p_pushing), cy: 17, r: 9 }),
  );
  const told = `${percent(verdict.p_pushing)} likely to push; it counts as pushing from ${percent(verdict.threshold)}`;
  return make("div", { class: "meter" },
    make("div", {
      role: "meter", "aria-label": "Probability that this reply pushes", "aria-valuemin": "0", "aria-valuemax": "100",
      "aria-valuenow": String(Math.round(verdict.p_pushing * 100)), "aria-valuetext": told,
    }, svg),
    make("div", { class: "ends", "aria-hidden": "true" }, make("span", { text: words.labels.listening.plain }), make("span", { text: words.labels["service-pushing"].plain })),
    make("p", { class: "told", "aria-hidden": "true", text: told }));
}

function sentence(s, words, pick) {
  const shown = make("span", { class: "said", text: s.text });
  return make("li", { class: s.side },
    make("span", { class: "mark", "aria-hidden": "true", text: words.sides[s.side].symbol }),
    make("span", { class: "does", title: words.moves[s.move].definition }, words.moves[s.move].plain,
      make("span", { class: "unseen", text: ` (${words.sides[s.side].plain}): ` })),
    make("span", { class: "words" }, pick ? make("button", { type: "button", onclick: () => pick(s) }, shown) : shown));
}

function advice(verdict, words) {
  if (!verdict.advice.length) return [];
  const items = words.questions.map((question) => {
    const item = make("li", {}, make("p", { class: "question", text: question }));
    for (const piece of verdict.advice.filter((a) => a.question === question)) {
      const about = verdict.sentences.find((s) => s.start === piece.start && s.end === piece.end);
      const text = make("p", { class: "suggestion" });
      if (about) text.append(make("span", { class: `said ${about.side}`, text: about.text }), " → ");
      text.append(piece.suggestion);
      item.append(text, make("cite", { text: piece.citation }));
    }
    return item;
  });
  return [make("div", { class: "card" }, make("h3", { text: "What to say, do and ask instead" }), make("ul", { class: "advice" }, ...items))];
}

function carried(verdict, words) {
  if (!verdict.reasons.length) return [];
  const side = (r) => verdict.sentences.find((s) => s.start === r.start && s.end === r.end)?.side || "neutral";
  const points = (weight) => {
    const count = Math.round(Math.abs(weight) * 100);
    return `${count} ${count === 1 ? "point" : "points"} ${weight > 0 ? "lower" : "higher"}`;
  };
  const items = verdict.reasons.map((r) =>
    make("li", { class: side(r) }, make("span", { class: "mark", "aria-hidden": "true", text: `${words.sides[side(r)].symbol} ` }), make("span", { class: "said", text: r.text }),
      make("span", { class: "soft", text: ` ${words.moves[r.move].plain}; without it the probability would be ${points(r.weight)}` })));
  return [make("h3", { text: "What carried it" }), make("ul", { class: "carried" }, ...items)];
}

/** Everything about one verdict; `pick(sentence)` is called when somebody chooses a sentence, where that leads anywhere. */
export function show(verdict, words, pick = null) {
  const [headline, why] = inWords(verdict, words);
  const pushes = verdict.label === "service-pushing";
  const side = pushes ? "pushing" : "listening";
  const head = make("div", { class: "card" },
    make("p", { class: `headline ${side}` }, make("span", { class: "mark", "aria-hidden": "true", text: words.sides[side].symbol }), headline));
  if (why) head.append(make("p", { class: "why", text: why }));
  head.append(meter(verdict, words));
  if (verdict.message_kind) {
    head.append(make("p", { class: "soft", text: `The message was read as ${verdict.message_kind} (${percent(verdict.message_kind_probability)}): ${words.message_kinds[verdict.message_kind].definition}` }));
  }
  head.append(...carried(verdict, words));
  const parts = [head];
  if (verdict.sentences.length) {
    parts.push(make("div", { class: "card" }, make("h3", { text: "Sentence by sentence" }),
      make("ol", { class: "sentences" }, ...verdict.sentences.map((s) => sentence(s, words, pick)))));
  }
  parts.push(...advice(verdict, words));
  parts.push(make("p", { class: "fine", text: `${words.afterwards} · model ${verdict.model_version}` }));
  return parts;
}
