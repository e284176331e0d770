// libwebrtc through @roamhq/wrtc.
import wrtc from '@roamhq/wrtc';
import { serve } from './protocol.mjs';
import { W3cConnection, configurationOf } from './w3c.mjs';

serve((_, emit, options) => new W3cConnection(new wrtc.RTCPeerConnection(configurationOf(options)), emit, options));
