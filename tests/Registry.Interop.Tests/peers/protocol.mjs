// JSON lines on stdin (commands) and stdout (events); everything else a peer has to say goes to stderr.
//
// Commands carry `id`, `pc` (number of the connection) and `cmd`:
//   create {trickle, iceServers: [{urls, username, credential}], relayOnly}   channel {channel, ordered, maxRetransmits, protocol}   offer   restart   answer   remote {type, sdp}
//   candidate {candidate, mid}   send {channel, count, size, first, type}   echo {channel, on}   closeChannel {channel}   close
//   exit (no pc)
// Each is answered with {event: 'done', id} or {event: 'failed', id, message}; commands of one connection run one after the other.
// Events carry `event` and `pc`: description {type, sdp}, candidate {candidate, mid} (empty at the end), state {state},
//   channel-open {channel, ordered, maxRetransmits, protocol, stream}, message {channel, index, type, size, checksum},
//   channel-closed {channel, received}.
import { createInterface } from 'node:readline';

const write = event => process.stdout.write(JSON.stringify(event) + '\n');

/**
 * Serves the protocol until stdin ends.
 * @param create async function (pc, emit, options): the connection, whose methods are named like the commands
 * @param shutdown async function called before the process ends
 */
export function serve(create, shutdown = async () => {}) {
  const connections = new Map();
  const pending = new Map();

  async function run({ id, pc, cmd, ...options }) {
    try {
      if (cmd === 'create') {
        connections.set(pc, await create(pc, (event, fields) => write({ event, pc, ...fields }), options));
      } else {
        const connection = connections.get(pc);
        if (!connection) throw new Error(`no connection ${pc}`);
        await connection[cmd](options);
        if (cmd === 'close') { connections.delete(pc); pending.delete(pc); }
      }
      write({ event: 'done', id });
    } catch (error) {
      write({ event: 'failed', id, message: `${cmd}: ${error?.stack ?? error}` });
    }
  }

  let exiting = false;
  async function exit() {
    if (exiting) return;
    exiting = true;
    await shutdown();
    process.exit(0);
  }

  const lines = createInterface({ input: process.stdin });
  lines.on('line', line => {
    const command = JSON.parse(line);
    if (command.cmd === 'exit') return void exit();
    pending.set(command.pc, (pending.get(command.pc) ?? Promise.resolve()).then(() => run(command)));
  });
  lines.on('close', exit);
  write({ event: 'ready' });
}
