// What a tube sends and receives in a second, over the last two minutes.
import { write } from './dom.js';
import { bytes } from './text.js';

const most = 120; // samples
const [width, height] = [600, 80]; // as the picture's viewBox

export class Sparkline {
  #samples = [];
  #last;
  #figure;

  /** Draws into a figure that has a polyline for each direction. */
  constructor(figure) {
    this.#figure = figure;
    this.#draw();
  }

  /** Takes the counters as they are now. */
  add(at, sent, received) {
    const last = this.#last;
    this.#last = { at, sent, received };
    if (!last || at <= last.at) return;
    const seconds = (at - last.at) / 1000;
    this.#samples.push({ sent: Math.max(0, sent - last.sent) / seconds, received: Math.max(0, received - last.received) / seconds });
    if (this.#samples.length > most) this.#samples.shift();
    this.#draw();
  }

  #draw() {
    const highest = Math.max(0, ...this.#samples.map(sample => Math.max(sample.sent, sample.received)));
    for (const way of ['sent', 'received']) {
      const points = this.#samples.map((sample, at) => `${(width - (this.#samples.length - 1 - at) * width / (most - 1)).toFixed(1)},${(height - 2 - sample[way] / Math.max(1, highest) * (height - 6)).toFixed(1)}`);
      this.#figure.querySelector(`polyline.${way}`).setAttribute('points', points.join(' '));
      write(this.#figure.querySelector(`.rate.${way} b`), this.#samples.length ? `${bytes(this.#samples.at(-1)[way])}/s` : '–');
    }
    write(this.#figure.querySelector('.highest'), this.#samples.length ? `peak ${bytes(highest)}/s` : '');
  }
}
