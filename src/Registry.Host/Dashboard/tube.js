// A tube from this browser to the gateway that served the page, with one conversation.

import { Tube as ClientTube } from '/client.js';
import { client } from './gateway.js';

export class Tube extends ClientTube {
  constructor(settings, options) {
    super(client, settings, options);
  }
}
