// Thousands of tubes in order. A few changes move a few of them; many are sorted anew.

const compare = (a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.tube.id < b.tube.id ? -1 : a.tube.id > b.tube.id ? 1 : 0);

export class SortedTubes {
  /** The tubes in ascending order, each with the key under which it stands. */
  entries = [];
  #placed = new Map(); // by id
  #keyOf;
  #matches;

  /** Sorts and filters all anew. */
  fill(tubes, keyOf, matches) {
    this.#keyOf = keyOf;
    this.#matches = matches;
    this.entries = [];
    for (const tube of tubes.values()) if (matches(tube)) this.entries.push({ key: keyOf(tube), tube });
    this.entries.sort(compare);
    this.#placed = new Map(this.entries.map(entry => [entry.tube.id, entry]));
  }

  /** Brings the tubes with some ids to where they belong now. */
  update(tubes, ids) {
    if (ids.size > this.entries.length / 8 + 8) {
      this.fill(tubes, this.#keyOf, this.#matches);
      return;
    }
    for (const id of ids) {
      const before = this.#placed.get(id);
      const tube = tubes.get(id);
      const entry = tube && this.#matches(tube) ? { key: this.#keyOf(tube), tube } : undefined;
      if (before && entry && before.key === entry.key && before.tube === tube) continue;
      if (before) this.entries.splice(this.#find(before), 1);
      if (entry) {
        this.entries.splice(this.#find(entry), 0, entry);
        this.#placed.set(id, entry);
      } else {
        this.#placed.delete(id);
      }
    }
  }

  /** The first place that is not before an entry. */
  #find(entry) {
    let low = 0;
    let high = this.entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compare(this.entries[middle], entry) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
