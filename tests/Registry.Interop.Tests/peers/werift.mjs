// werift, a stack in TypeScript.
import { RTCPeerConnection } from 'werift';
import { serve } from './protocol.mjs';
import { W3cConnection, configurationOf } from './w3c.mjs';

// With no STUN server configured werift asks a public one. Nothing may leave the machine, and there is no option for "none",
// so the server is taken out of the ICE agent before it gathers.
class LocalPeerConnection extends RTCPeerConnection {
  #asksStun;

  constructor(configuration) {
    super(configuration);
    this.#asksStun = configuration.iceServers.some(server => server.urls[0].startsWith('stun:'));
  }

  async setLocalDescription(description) {
    if (!this.#asksStun) for (const transport of this.iceTransports) transport.connection.stunServer = undefined;
    return await super.setLocalDescription(description);
  }
}

serve((_, emit, options) => new W3cConnection(new LocalPeerConnection(configurationOf(options)), emit, options));
