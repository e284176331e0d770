/** Types of `/client.js`; the bodies are those of `/openapi/v1.json`. */

export interface RegistryClientOptions {
  /** The gateway's address; left out for the one that the page came from. */
  url?: string;
  /** An API key, a JSON web token or a tube's token. */
  key?: string;
  /** Asked for a key when the gateway wants one or does not know the one that was used; none gives up. */
  authenticate?: (used: string | undefined) => Promise<string | undefined>;
}

export interface Problem {
  status?: number;
  code: string;
  detail: string;
  retryable?: boolean;
  retryAfterMs?: number;
  field?: string;
  tubeId?: string;
}

/** A call that was not carried out. */
export class RegistryError extends Error {
  constructor(problem: Problem, cause?: unknown);
  /** One of the closed list of `/openapi/v1.json`; `unreachable` when no gateway answered, `tube_ended` when a tube ended before it could carry data. */
  readonly code: string;
  /** HTTP status; 0 when there was none. */
  readonly status: number;
  /** Whether the same call can succeed later. */
  readonly retryable: boolean;
  /** When trying again is worthwhile, in milliseconds. */
  readonly retryAfterMs?: number;
  /** The field or setting that is wrong. */
  readonly field?: string;
  /** The tube that stands in the way or was meant. */
  readonly tubeId?: string;
}

export type Settings = { conversationType: string } & Record<string, unknown>;

export interface CreateTube {
  conversationId: string;
  settings: Settings;
  trickleIce?: boolean;
  /** Base64 of SDP; left out to get one. */
  offer?: string;
  tubeId?: string;
  requestKey?: string;
  owner?: string;
  maxWaitMs?: number;
  timeoutMs?: number;
  idleTimeoutMs?: number;
  maxAgeMs?: number;
  maxBytesPerSecond?: number;
}

export interface TubeCreated {
  tubeId: string;
  conversationId: string;
  node: string;
  state: TubeState;
  /** Base64 of SDP. */
  offer?: string;
  /** Base64 of SDP. */
  answer?: string;
  localListenAddress?: string;
  /** Why no connection to the target would succeed as the gateway's rules are now. */
  warning?: string;
}

export type TubeState = 'new' | 'initializing' | 'connecting' | 'active' | 'ready' | 'disconnected' | 'failed' | 'closing' | 'closed';

export interface CloseReason {
  code: number;
  name: string;
  isCritical: boolean;
  isRetryable: boolean;
}

export interface TubeInfo {
  tubeId: string;
  node: string;
  state: TubeState;
  isOfferer: boolean;
  createdAt: string;
  owner?: string;
  conversations: { conversationId: string; type: string; isOpen: boolean; localListenAddress?: string }[];
  history: { state: TubeState; at: string }[];
  selectedPair?: string;
  localAddress?: string;
  remoteAddress?: string;
  traffic?: { bytesSent: number; bytesReceived: number; messagesSent: number; messagesReceived: number; roundTripMs?: number; lastSentAt?: string; lastReceivedAt?: string };
  closeReason?: CloseReason;
  closeText?: string;
  closedBy?: string;
}

export interface Page<T> {
  items: T[];
  nextCursor?: string;
  incompleteNodes: string[];
}

export interface TubeQuery {
  filter?: string;
  state?: TubeState;
  owner?: string;
  limit?: number;
  cursor?: string;
}

export interface Conversation {
  conversationId: string;
  type: string;
  isOpen: boolean;
  tubeId: string;
  node: string;
  state: TubeState;
  localListenAddress?: string;
}

export interface Capacity {
  canAcceptMore: boolean;
  isDraining: boolean;
  activeCreates: number;
  maxConcurrentCreates: number;
  waiting: number;
  maxWaiting: number;
  loadPercentage: number;
  suggestedDelayMs: number;
  avgCreateTimeMs: number;
  totalCreates: number;
  totalFailures: number;
  totalRejected: number;
  tubes: number;
  maxTubes: number;
  maxTubesPerOwner: number;
  staleTubesRemoved: number;
  closeTimeouts: number;
  reconcilerFindings: number;
  drainDeadlineMs: number;
  drainUntil?: string;
}

export interface NodeInfo {
  node: string;
  address: string;
  state: 'joining' | 'up' | 'draining' | 'leaving' | 'unreachable';
  load?: number;
  capacity?: Capacity;
  version?: string;
  since?: string;
  supersededTubes: number;
}

export interface Signal {
  tubeId: string;
  sequence: number;
  time: string;
  kind: SignalKind;
  candidate?: string;
  state?: TubeState;
  channelId?: string;
  outcome?: string;
  closeReason?: CloseReason;
  text?: string;
  first?: number;
  deadline?: string;
  offer?: string;
  instruction?: string;
}

export type SignalKind = 'ice_candidate' | 'connection_state_changed' | 'ice_restart_offer' | 'channel_opened' | 'channel_closed' | 'tube_closed'
  | 'guacd_instruction' | 'node_draining' | 'signals_missed';

export interface SignalEvent {
  id?: string;
  type: SignalKind;
  data: Signal;
}

export type GatewayEvent = SignalEvent | { id?: string; type: 'tube'; data: TubeInfo } | { id?: string; type: 'tubes_listed'; data: { node: string } };

export interface StreamOptions {
  /** The id of the last event that is known. */
  after?: string;
  /** Ends the stream. */
  signal?: AbortSignal;
}

export interface Description {
  type: 'offer' | 'answer';
  /** SDP as text. */
  sdp: string;
}

/** Why a caller closes something; the first two are for operators. */
export type CallersReason = 'AdminClosed' | 'AIClosed' | 'Client' | 'Normal';

/** A gateway. Every call that is not carried out rejects with a RegistryError. */
export class RegistryClient {
  constructor(options?: RegistryClientOptions);
  createTube(request: CreateTube): Promise<TubeCreated>;
  /** One tube, also for a while after its end. */
  tube(tubeId: string): Promise<TubeInfo>;
  tubes(query?: TubeQuery): Promise<Page<TubeInfo>>;
  /** `reason`: AdminClosed for operators and Client for others when left out. */
  closeTube(tubeId: string, reason?: CallersReason, options?: RequestInit): Promise<null>;
  /** An empty line means that there are no more. */
  addCandidates(tubeId: string, candidates: string[]): Promise<null>;
  /** An offer restarts ICE and is answered; an answer is not. */
  setRemoteDescription(tubeId: string, description: Description): Promise<Description | null>;
  restartIce(tubeId: string): Promise<Description>;
  createToken(tubeId: string, lifetimeMs?: number): Promise<{ tubeId: string; token: string; expiresAt: string }>;
  associate(tubeId: string, conversationId: string): Promise<null>;
  conversation(conversationId: string): Promise<Conversation>;
  closeConversation(conversationId: string, reason?: CallersReason): Promise<null>;
  capacity(): Promise<Capacity>;
  changeLimits(limits: { maxConcurrentCreates?: number; maxTubes?: number; maxTubesPerOwner?: number; maxWaiting?: number }): Promise<Capacity>;
  nodes(): Promise<NodeInfo[]>;
  drain(request?: { deadlineMs?: number; untilAtMost?: number }): Promise<Capacity>;
  resume(): Promise<Capacity>;
  /** A tube's signals, across interruptions; ends after tube_closed. */
  signals(tubeId: string, options?: StreamOptions): AsyncGenerator<SignalEvent, void, void>;
  /** What happens to all tubes, across interruptions; ends with its signal only. */
  events(options?: StreamOptions): AsyncGenerator<GatewayEvent, void, void>;
  /** A tube to the gateway with one conversation, once its channel is open. */
  connect(settings: Settings, options?: TubeOptions): Promise<Tube & { readonly id: string }>;
  /** Any other call; its answer, or null for none. */
  call<T = unknown>(method: string, path: string, body?: unknown, options?: RequestInit): Promise<T>;
  /** Any other stream of events. */
  stream(path: string, options?: StreamOptions): AsyncGenerator<{ id?: string; type: string; data: unknown }, void, void>;
}

export interface TubeOptions {
  /** Its conversation; a name of its own when left out. */
  conversationId?: string;
  /** For the RTCPeerConnection: STUN and TURN servers. */
  configuration?: RTCConfiguration;
  /** The connection to use, where there is no global RTCPeerConnection. */
  connection?: RTCPeerConnection;
}

/** A tube to the gateway, with one conversation, over an RTCPeerConnection of its own. */
export class Tube {
  constructor(client: RegistryClient, settings: Settings, options?: TubeOptions);
  readonly conversationId: string;
  readonly connection: RTCPeerConnection;
  /** It can be given handlers before the tube is opened. */
  readonly channel: RTCDataChannel;
  /** Fulfilled once, with what happened in words. */
  readonly ended: Promise<string>;
  /** Its id at the gateway, once there is one. */
  readonly id?: string;
  /** What the gateway refused, if that ended it. */
  readonly error?: Error;
  /** Why the gateway ended its channel or it, if the gateway did. */
  readonly closeReason?: CloseReason;
  /** Makes the tube; it can carry data once the channel is open. */
  open(): Promise<void>;
  /** Ends it on both sides; also while a page goes away. */
  close(): void;
  /** Types of the candidates that carry the data, such as host/host. */
  path(): Promise<string | undefined>;
}
