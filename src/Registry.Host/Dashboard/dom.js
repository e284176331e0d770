// Elements from data. Whatever comes from the network becomes text, never markup.

/** Makes an element; a child that is no node becomes a text node. Names with a dash and "role" are attributes, functions are listeners. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (typeof value === 'function') made.addEventListener(key, value);
    else if (key === 'role' || key.includes('-')) made.setAttribute(key, value);
    else made[key] = value;
  }
  made.append(...children);
  return made;
}

/** Sets an element's text if it is another. */
export function write(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/** Makes some elements the children of a parent, in order, and moves none that stands right: what has the focus keeps it. */
export function arrange(parent, children) {
  const wanted = new Set(children);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  children.forEach((child, at) => {
    if (parent.children[at] !== child) parent.insertBefore(child, parent.children[at] ?? null);
  });
}

/** Writes pairs of term and value into a definition list. */
export function describe(list, pairs) {
  pairs.forEach(([term, value], at) => {
    const group = list.children[at] ?? list.appendChild(element('div', {}, element('dt'), element('dd')));
    write(group.firstChild, term);
    write(group.lastChild, value ?? '–');
  });
  while (list.children.length > pairs.length) list.lastChild.remove();
}

/** A bar that shows a share, beside its figures. */
export function bar() {
  return element('span', { className: 'bar', 'aria-hidden': 'true' }, element('span'));
}

/** Fills a bar. */
export function fill(target, share) {
  const part = Number.isFinite(share) ? Math.min(1, Math.max(0, share)) : 0;
  target.firstChild.style.width = `${(part * 100).toFixed(1)}%`;
  target.dataset.level = part >= 0.9 ? 'high' : part >= 0.75 ? 'raised' : 'normal';
}

/** A tube's or node's state as a dot and a word. */
export function badge() {
  return element('span', { className: 'state' });
}

export function setState(target, state) {
  write(target, state);
  if (target.dataset.state !== state) target.dataset.state = state;
}
