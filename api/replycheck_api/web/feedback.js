// “You got this wrong”: the form that corrects a verdict or a sentence, and takes a correction back.
import { make } from "./view.js";

/** Fill the form for this verdict; `done` is where it says what became of it. */
export function correction({ form, done, client, words, reply, message, verdict }) {
  // the same correction sent twice, because no answer came, has the same id and is kept once
  let id = crypto.randomUUID();
  const label = (value) => make("label", {}, make("input", { type: "radio", name: "label", value, required: true }), ` ${words.labels[value].plain}`);
  const choices = verdict.sentences.map((s, i) => {
    const read = words.moves[s.move].plain;
    const options = Object.entries(words.moves).map(([move, { plain, definition }]) => make("option", { value: move, selected: move === s.move, title: definition, text: plain }));
    const select = make("select", { id: `move-${i}` }, ...options);
    return { s, select, row: make("div", { class: "sentence" }, make("label", { for: `move-${i}`, text: `“${s.text}” (read as: ${read})` }), select) };
  });
  const consent = make("input", { type: "checkbox", required: true });
  const send = make("button", { text: "Send the correction" });
  form.replaceChildren(
    make("fieldset", {}, make("legend", { text: "What does this reply really do?" }), ...Object.keys(words.labels).map(label)),
    make("details", {}, make("summary", { text: "Correct a sentence" }), ...choices.map((c) => c.row)),
    make("label", { class: "check" }, consent, " I agree that the reply and the message are kept by whoever runs this service, with placeholders for personal data, to train the model."),
    make("p", { class: "row" }, send));
  done.replaceChildren();
  form.onchange = () => { id = crypto.randomUUID(); };
  form.onsubmit = async (event) => {
    event.preventDefault();
    const mine = id;
    send.disabled = true;
    try {
      const kept = await client.correct({
        id: mine, consent: consent.checked, reply, patron_message: message || null, message_kind: verdict.message_kind,
        label: new FormData(form).get("label"), model_label: verdict.label, model_version: verdict.model_version,
        moves: choices.filter((c) => c.select.value !== c.s.move).map((c) => ({ start: c.s.start, end: c.s.end, move: c.select.value })),
      });
      const back = make("button", { type: "button", text: "Take it back", onclick: async () => {
        try {
          await client.takeBack(mine);
          id = crypto.randomUUID();
          done.replaceChildren(make("p", { text: "Taken back; nothing of it is kept." }));
        } catch (fault) {
          done.append(make("p", { text: fault.message }));
        }
      } });
      done.replaceChildren(make("p", { text: "Thank you. This is what is kept:" }), make("p", { class: "found", text: kept.reply }),
        ...(kept.patron_message ? [make("p", { class: "soft", text: "in answer to" }), make("p", { class: "found", text: kept.patron_message })] : []),
        make("p", { class: "row" }, back));
    } catch (fault) {
      done.replaceChildren(make("p", { text: `Not sent: ${fault.message}` }));
    } finally {
      send.disabled = false;
    }
  };
}
