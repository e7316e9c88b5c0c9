// The draft in Outlook's compose window, as Office hands it out. The service is the one that this panel was loaded from.
export const FIXED = true;
export const ready = Office.onReady();
const PLACE = "replycheck.key";

export async function settings() {
  return { base: new URL("../", document.baseURI).href, key: localStorage.getItem(PLACE) ?? "" };
}

export async function save({ key }) {
  localStorage.setItem(PLACE, key);
}

export function draft() {
  const item = Office.context.mailbox.item;
  return new Promise((found, failed) => {
    item.body.getAsync(Office.CoercionType.Html, (result) => {
      if (result.status === Office.AsyncResultStatus.Succeeded) found({ html: result.value });
      else failed(new Error(`Outlook did not hand out the draft: ${result.error.message}`));
    });
  });
}
