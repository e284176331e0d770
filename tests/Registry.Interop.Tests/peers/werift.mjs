// werift, a stack in TypeScript.
import { RTCPeerConnection } from 'werift';
import { serve } from './protocol.mjs';
import { W3cConnection, configurationOf } from './w3c.mjs';

// With no server configured werift asks a public STUN server. Nothing may leave the machine, and there is no option for "none",
// so the server is taken out of the ICE agent before it gathers.
class LocalPeerConnection extends RTCPeerConnection {
  async setLocalDescription(description) {
    for (const transport of this.iceTransports) transport.connection.stunServer = undefined;
    return await super.setLocalDescription(description);
  }
}

serve((_, emit, options) => new W3cConnection(new LocalPeerConnection(configurationOf(options)), emit, options));
