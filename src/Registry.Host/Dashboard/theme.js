// Light or dark. A classic script in the head, so that the page is never painted in the wrong one first.
(() => {
  const root = document.documentElement;
  const apply = theme => {
    if (theme === 'light' || theme === 'dark') root.dataset.theme = theme;
    else delete root.dataset.theme;
  };
  apply(localStorage.getItem('theme'));
  document.addEventListener('DOMContentLoaded', () => {
    const choice = document.getElementById('theme');
    choice.value = root.dataset.theme ?? 'system';
    choice.addEventListener('change', () => {
      localStorage.setItem('theme', choice.value);
      apply(choice.value);
    });
  });
})();
