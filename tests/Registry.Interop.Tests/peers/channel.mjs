// What every peer does with one data channel, whatever its API looks like: report what arrives, send content, echo.
import { binaryContent, textContent, checksum } from './content.mjs';

const HighWater = 1024 * 1024;
const LowWater = 256 * 1024;
const encoder = new TextEncoder();

export class PeerChannel {
  #emit; #transport; #echo = false; #received = 0; #open = false; #closed = false; #wake = null;

  /**
   * @param emit function (event, fields)
   * @param transport { label, send(string | Uint8Array), bufferedAmount(), setLowThreshold(bytes), close(), describe() }
   */
  constructor(emit, transport) {
    this.#emit = (event, fields) => emit(event, { channel: transport.label, ...fields });
    this.#transport = transport;
    transport.setLowThreshold(LowWater);
  }

  opened() {
    if (this.#open) return;
    this.#open = true;
    this.#emit('channel-open', this.#transport.describe());
  }

  closed() {
    if (this.#closed) return;
    this.#closed = true;
    this.#emit('channel-closed', { received: this.#received });
    this.low();
  }

  /** The buffer fell below the low-water mark. */
  low() {
    this.#wake?.();
    this.#wake = null;
  }

  /** @param data string or Uint8Array */
  received(data) {
    const text = typeof data === 'string';
    const bytes = text ? encoder.encode(data) : data;
    this.#emit('message', { index: this.#received++, type: text ? 'text' : 'binary', size: bytes.length, checksum: checksum(bytes) });
    if (this.#echo) this.#transport.send(data);
  }

  /** Sends `count` messages of `size` bytes, numbered from `first`, never holding much more than 1 MiB in the buffer. */
  async send({ count = 1, size, first = 0, type = 'binary' }) {
    for (let i = first; i < first + count; i++) {
      while (this.#transport.bufferedAmount() > HighWater && !this.#closed)
        await new Promise(resolve => { this.#wake = resolve; });
      this.#transport.send(type === 'text' ? textContent(i, size) : binaryContent(i, size));
    }
  }

  echo(on) { this.#echo = on; }

  close() { this.#transport.close(); }
}
