// Deterministic message content, so that both ends can check what arrived without sending it over stdio.
// The C# side computes the same in MessageContent.cs. Runs in Node.js and in the browser.

/** Binary message number `index` of `size` bytes. */
export function binaryContent(index, size) {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = (index * 31 + i * 7 + (i >>> 8)) & 0xff;
  return bytes;
}

/** Text message number `index` of `size` bytes of UTF-8: characters of one to four bytes, filled up with a letter that depends on the index. */
export function textContent(index, size) {
  const unit = 'aé€𝄞'; // 10 bytes
  const letter = String.fromCharCode(97 + (index % 26));
  const units = Math.floor(Math.max(0, size - 1) / 10);
  return unit.repeat(units) + letter.repeat(size - units * 10);
}

/** FNV-1a (32 bits) of the bytes: enough to tell that content is what it should be. */
export function checksum(bytes) {
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
  return hash >>> 0;
}
