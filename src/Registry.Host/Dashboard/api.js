// The gateway's HTTP interface, as the dashboard's modules use it.
export { call, listen, signedInAt, signIn } from './gateway.js';
