// Offsets of a verdict, which count code points, and marks that stay with their words while a text is being edited.

/** A function that turns code point offsets into `text` into UTF-16 offsets, which JavaScript counts. */
export function toUtf16(text) {
  if (!/[\ud800-\udbff][\udc00-\udfff]/.test(text)) return (offset) => offset;
  const at = [];
  let units = 0;
  for (const character of text) {
    at.push(units);
    units += character.length;
  }
  at.push(units);
  return (offset) => at[Math.min(offset, at.length - 1)];
}

/** The sentences of a verdict with their places in UTF-16, beside those in code points. */
export function placed(verdict, text) {
  const utf16 = toUtf16(text);
  return verdict.sentences.map((s) => ({ ...s, from: utf16(s.start), to: utf16(s.end) }));
}

/** Marks of `before` that still fit `after`: those before the first and behind the last change. */
export function surviving(sentences, before, after) {
  const most = Math.min(before.length, after.length);
  let head = 0;
  while (head < most && before[head] === after[head]) head++;
  let tail = 0;
  while (tail < most - head && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail++;
  const moved = after.length - before.length;
  return sentences.flatMap((s) => {
    if (s.to <= head) return [s];
    if (s.from >= before.length - tail) return [{ ...s, from: s.from + moved, to: s.to + moved }];
    return [];
  });
}
