// Runs in each frame of the page: what stands in the boxes that one can write in, and what is selected outside of them.
(() => {
  const BOXES = "textarea, [contenteditable='']:not([hidden]), [contenteditable='true'], [contenteditable='plaintext-only']";
  const found = [];
  const look = (doc) => {
    const inner = doc.activeElement;
    const boxes = [...doc.querySelectorAll(BOXES)];
    if (doc.designMode === "on") boxes.push(doc.body);
    for (const box of boxes) {
      // of boxes in boxes, the outermost is the editor
      if (boxes.some((other) => other !== box && other.contains(box))) continue;
      const { width, height } = box.getBoundingClientRect();
      const style = doc.defaultView.getComputedStyle(box);
      const text = box.localName === "textarea" ? box.value : box.innerText;
      if (width < 40 || height < 10 || style.visibility === "hidden" || !text.trim()) continue;
      // the box with the caret, else the largest
      const rank = (box === inner || box.contains(inner) ? 1e9 : 0) + width * height;
      found.push(box.localName === "textarea" ? { rank, draft: text } : { rank, html: box.innerHTML });
    }
    const selection = doc.getSelection();
    const chosen = selection?.toString().trim();
    if (chosen && !boxes.some((box) => box.contains(selection.anchorNode))) found.push({ rank: -1, message: chosen });
    for (const frame of doc.querySelectorAll("iframe")) {
      let within = null;
      try { within = frame.contentDocument; } catch { /* another site's */ }
      if (within?.body) look(within);
    }
  };
  look(document);
  return found;
})();
