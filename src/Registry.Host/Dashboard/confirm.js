// Asks before something ends.

const $ = id => document.getElementById(id);
let clearing;

/** True when the user agrees. */
export function agreed(question, detail, action) {
  const dialog = $('confirm');
  $('confirm-question').textContent = question;
  $('confirm-detail').textContent = detail;
  $('confirm-yes').textContent = action;
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise(resolve => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true });
  });
}

/** Says what did not work. */
export function complain(text) {
  const notice = $('notice');
  notice.textContent = text;
  clearTimeout(clearing);
  clearing = setTimeout(() => { notice.textContent = ''; }, 10_000);
}
