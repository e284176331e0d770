using System.Collections.Immutable;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.ExceptionServices;
using Akka.Actor;
using Akka.Event;
using Registry.Actors.Admission;
using Registry.Actors.Audit;
using Registry.Actors.Channels;
using Registry.Actors.Channels.Flow;
using Registry.Actors.ReadModel;
using Registry.Actors.Reconciling;
using Registry.Actors.Signals;
using Registry.Actors.Tracing;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors.Tubes;

/// <summary>
/// One tube: its peer connection, channels, signals and timers. It lives as <see cref="TubeStates"/> says.
/// <see cref="PostStop"/> is the one place that releases. Descriptions and candidates are in TubeActor.Signalling.cs, ICE restarts in
/// TubeActor.Restart.cs, channels in TubeActor.Channels.cs, the limits on idleness and age in TubeActor.Limits.cs, the end in TubeActor.Ending.cs.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "PostStop is an actor's Dispose; a source that is only cancelled holds nothing.")]
internal sealed partial class TubeActor : UntypedActor, IWithTimers
{
    private const string DeadlineTimer = "state";
    private const int MaxHistory = 32;

    private readonly TubeContext node;
    private readonly TubeLimit limits; // those that held when it was made
    private readonly TubeId id;
    private readonly PendingCreate first;
    private readonly TubeSignalBuffer signals;
    private readonly UserTraffic users;
    private readonly TubeFlow flow;
    private readonly TubeEntry entry;
    private readonly ILoggingAdapter log = Context.GetLogger();
    private readonly CancellationTokenSource stop = new();
    private readonly Dictionary<IActorRef, long> subscribers = []; // and up to which signal each is told
    private readonly IActorRef self;
    private readonly IceRestartPolicy restarts;
    private readonly TubeTrace trace;
    private readonly long madeAt;
    private readonly AuditSpan audit;

    private TubeState state = TubeState.New;
    private ImmutableArray<TubeStateEntry> history;
    private string? offer;        // the peer's, as SDP
    private IPeerConnection? connection;
    private Action? detach;
    private Holding? heldConnection;
    private Holding? heldMetrics;
    private CandidatePair? path;
    private ChannelEnd? end;      // why the tube ends, once it does
    private ChannelEnd? peersWord; // why the peer ended the last channel; stands for the tube when the connection follows
    private bool closedByPeer;
    private Refused? refusal;     // what the first asker is told when it ends before it was answered
    private Exception? crash;

    public TubeActor(TubeContext node, PendingCreate first)
    {
        this.node = node;
        limits = node.Limits.Current;
        this.first = first;
        id = first.TubeId;
        self = Self;
        signals = new(id, node.Settings.SignalBuffer);
        users = new(node.Time);
        restarts = new(node.Settings);
        trace = new(node.Metrics, node.Time, first.Command, id);
        madeAt = node.Time.GetTimestamp();
        flow = node.Conversations.OpenFlow(first.Command);
        audit = node.Audit.Tube(id, first.Command);
        history = [new(TubeState.New, Now)];
        entry = new(Self, new(id, node.Node, TubeState.New) { Owner = first.Command.Owner, IsOfferer = first.Command.Offer is null, History = history }, signals, users) { Flow = flow };
    }

    public ITimerScheduler Timers { get; set; } = null!;

    private DateTimeOffset Now => node.Time.GetUtcNow();

    private TimeSpan Age => node.Time.GetElapsedTime(madeAt);

    public static Props Props(TubeContext node, PendingCreate first) => Akka.Actor.Props.Create(() => new TubeActor(node, first));

    protected override void PreStart() => Self.Tell(Begin.Instance);

    protected override bool AroundReceive(Receive receive, object message)
    {
        var outer = Activity.Current;
        Activity.Current = trace.Ambient;
        try
        {
            return base.AroundReceive(receive, message);
        }
        catch (Exception e)
        {
            crash = e; // The registry stops a tube that throws; PostStop tells why.
            throw;
        }
        finally
        {
            Activity.Current = outer;
        }
    }

    protected override void OnReceive(object message) => Initializing(message);

    // ------------------------------------------------------------------ states

    private void Initializing(object message)
    {
        switch (message)
        {
            case Begin:
                Start();
                break;
            case BeginRecorded recorded:
                GoOn(recorded.MayGoOn);
                break;
            case RelayKnown relay:
                Connect(relay);
                break;
            case Negotiated negotiated:
                Created(negotiated.Sdp);
                break;
            case NegotiationFailed failed:
                refusal = failed.Refusal;
                Fail(CloseReason.ConnectionFailed, failed.Refusal.Message);
                break;
            case PeerStateChanged { State: PeerConnectionState.Failed or PeerConnectionState.Closed }:
                FailByConnection();
                break;
            case PeerStateChanged:
                break; // Read again once the asker was answered.
            case CloseTube close:
                refusal = close.Reason == CloseReason.NodeStopped
                    ? new(RefusalCode.Draining, "The node went out of service while the tube was being made.") { TubeId = id }
                    : new(RefusalCode.TubeClosing, "The tube was closed while it was being made.") { TubeId = id };
                BeginClose(close);
                break;
            case OpenChannel open:
                Answer(open.Create, new Refused(RefusalCode.TubeNotReady, $"Tube {id} is still being made. Try again once its create was answered.") { TubeId = id });
                break;
            default:
                Common(message);
                break;
        }
    }

    private void Living(object message)
    {
        switch (message)
        {
            case PeerStateChanged changed:
                Follow(changed.State);
                break;
            case CloseTube close:
                BeginClose(close);
                break;
            case OpenChannel open:
                OpenFurtherChannel(open.Create);
                break;
            default:
                Common(message);
                break;
        }
    }

    private void Closing(object message)
    {
        switch (message)
        {
            case StateDeadline:
                node.Admission.CountCloseTimeout();
                Context.Stop(Self);
                break;
            case ChannelRan ran when channels.ContainsValue(ran.Channel):
                if (closedByPeer && ran.End.Reason is not null)
                {
                    EndChannel(ran.Channel, ran.End);
                    end = peersWord ?? end;
                }
                else
                {
                    EndChannel(ran.Channel, ran.Channel.Closing ?? end!.Value, "tube_closed");
                }

                CloseConnectionWhenChannelsEnded();
                break;
            case CloseChannel close:
                AwaitEnd(close.Command); // Its channel ends with the tube, which waits for it.
                break;
            case PeerConnectionClosed or PeerStateChanged { State: PeerConnectionState.Failed or PeerConnectionState.Closed }:
                Context.Stop(Self);
                break;
            case RestartDue or RestartOffer or LocalAddressesChanged or BeginRecorded:
                break;
            case CloseTube or CancelCreate or IdleCheck or AgeReached or AnnounceDrain or RelayKnown or Negotiated or NegotiationFailed or ChannelDeadline:
                break;
            case OpenChannel open:
                Answer(open.Create, Ending());
                break;
            case SetRemoteDescription or RestartIce or AddCandidates or AssociateConversation:
                Sender.Tell(Ending());
                break;
            case PeerOpenedChannel opened:
                opened.Channel.Close();
                break;
            case PeerStateChanged or ChannelSettled or ChannelRan:
                break;
            default:
                Common(message);
                break;
        }
    }

    /// <summary>What is answered the same in every state.</summary>
    private void Common(object message)
    {
        switch (message)
        {
            case StateDeadline deadline when deadline.State == state:
                Expire();
                break;
            case StateDeadline:
                break;
            case SetRemoteDescription description:
                Apply(description);
                break;
            case RestartIce:
                Restart(Sender);
                break;
            case RestartOffer offered:
                Offer(offered);
                break;
            case AnswerRefused refused:
                trace.Undescribed(refused.Code);
                break;
            case RestartDue:
                RestartWhenAllowed();
                break;
            case LocalAddressesChanged:
                RestartForAddresses();
                break;
            case AddCandidates candidates:
                Add(candidates);
                break;
            case CandidateGathered gathered:
                Signal((t, n) => new IceCandidateFound(t, n, Now, gathered.Candidate?.ToString() ?? ""));
                break;
            case PathChanged:
                ReadPath();
                if (connection?.IceConnectionState is IceConnectionState.Connected or IceConnectionState.Completed)
                    trace.Reached(ConnectPhase.Dtls);
                break;
            case CancelCreate cancel:
                Cancel(cancel.Create, cancel.Why);
                break;
            case IdleCheck:
                CheckIdle();
                break;
            case AgeReached:
                EndByLimit(CloseReason.AgeLimit, $"The tube reached its age limit of {MaxAge!.Value.TotalSeconds:0.###} s.");
                break;
            case AnnounceDrain drain:
                foreach (var channel in channels.Values)
                    channel.Conversation?.Leave();
                Signal((t, n) => new NodeDraining(t, n, Now, drain.Deadline));
                break;
            case SubscribeSignals subscribe:
                Subscribe(subscribe);
                break;
            case UnsubscribeSignals:
                Unsubscribe(Sender);
                Sender.Tell(Done.Instance);
                break;
            case Terminated terminated:
                subscribers.Remove(terminated.ActorRef);
                break;
            case WorkFailed failed:
                ExceptionDispatchInfo.Throw(failed.Cause); // A task of this tube broke: a bug, and the tube's end.
                break;
            default:
                if (!HandleChannelMessage(message))
                    Unhandled(message);
                break;
        }
    }

    // ------------------------------------------------------------------ making

    private void Start()
    {
        trace.Making();
        node.Directory.Add(entry);
        var registration = node.Metrics.Register(entry);
        heldMetrics = Hold(HoldingKind.Metrics, () =>
        {
            registration.Dispose();
            return ValueTask.CompletedTask;
        });
        Enter(TubeState.Initializing);
        LimitAge();
        var recorded = audit.BeginAsync();
        if (recorded.IsCompletedSuccessfully)
            GoOn(recorded.Result);
        else
            recorded.AsTask().PipeTo(self, success: mayGoOn => new BeginRecorded(mayGoOn), failure: WorkFailed.From);
    }

    private void GoOn(bool mayGoOn)
    {
        var command = first.Command;
        if (!mayGoOn)
        {
            refusal = AuditTrail.Refuse() with { TubeId = id };
            Fail(CloseReason.ErrorRecording, AuditTrail.Unavailable);
            return;
        }

        if (command.Offer is not null && !SdpText.TryDecode(command.Offer, "offer", out offer, out refusal)
            || !TryAddConversation(command.ConversationId, command.Settings, first, out _, out refusal))
        {
            Fail(CloseReason.ConfigurationError, refusal!.Message);
            return;
        }

        if (node.IceServers.NeedEndpoint)
            node.IceServers.FetchAsync(stop.Token).PipeTo(self, success: r => new RelayKnown(r.Servers, r.Refusal), failure: WorkFailed.From);
        else
            Connect(new(node.IceServers.Configured, null));
    }

    private void Connect(RelayKnown relay)
    {
        if (relay.Refusal is not null)
        {
            refusal = relay.Refusal with { TubeId = id };
            Fail(CloseReason.ConnectionFailed, refusal.Message);
            return;
        }

        var made = connection = node.Connections.CreatePeerConnection(node.ConnectionConfiguration with
        {
            Name = id.ToString(),
            IceServers = [.. node.ConnectionConfiguration.IceServers, .. relay.Servers],
            IceServerProvider = node.ConnectionConfiguration.IceServerProvider ?? node.IceServers,
        });
        heldConnection = Hold(HoldingKind.PeerConnection, made.DisposeAsync);
        entry.Connection = connection;
        Attach(connection, first.Command.TrickleIce);
        if (offer is null && FirstChannel is { } channel)
            Use(channel, CreateDataChannel(channel));
        TubeNegotiation.RunAsync(connection, offer, first.Command.TrickleIce, stop.Token).PipeTo(self, failure: WorkFailed.From);
    }

    private Holding Hold(HoldingKind kind, Func<ValueTask> release) => node.Holdings.Add(self, kind, release);

    // Foreign threads only ever tell.
    private void Attach(IPeerConnection peer, bool trickle)
    {
        void OnState(PeerConnectionState s) => self.Tell(new PeerStateChanged(s));
        void OnIce(IceConnectionState s) => self.Tell(PathChanged.Instance);
        void OnCandidate(IceCandidate? candidate) => self.Tell(new CandidateGathered(candidate));
        void OnAddresses() => self.Tell(LocalAddressesChanged.Instance);
        void OnChannel(IDataChannel channel) => self.Tell(new PeerOpenedChannel(channel));

        peer.ConnectionStateChanged += OnState;
        peer.IceConnectionStateChanged += OnIce;
        peer.LocalAddressesChanged += OnAddresses;
        peer.DataChannelReceived += OnChannel;
        if (trickle)
            peer.IceCandidateFound += OnCandidate;
        detach = () =>
        {
            peer.ConnectionStateChanged -= OnState;
            peer.IceConnectionStateChanged -= OnIce;
            peer.LocalAddressesChanged -= OnAddresses;
            peer.DataChannelReceived -= OnChannel;
            peer.IceCandidateFound -= OnCandidate;
        };
    }

    private void Created(string sdp)
    {
        offer = null;
        Enter(TubeState.Connecting);
        Become(Living);
        var command = first.Command;
        trace.Made();
        if (command.Offer is not null)
            trace.Described();
        var listen = FirstChannel?.Conversation?.ListenEndPoint?.ToString();
        if (command.Settings.Target is { } target)
            log.Info("Tube {TubeId} made for conversation {ConversationId}: {Type} to {Target}, owner: {Owner}", id, command.ConversationId, command.Settings.Type, target, command.Owner ?? "-");
        else if (listen is not null)
            log.Info("Tube {TubeId} made for conversation {ConversationId}: {Type} from {Listen}, owner: {Owner}", id, command.ConversationId, command.Settings.Type, listen, command.Owner ?? "-");
        else
            log.Info("Tube {TubeId} made for conversation {ConversationId}: {Type}, owner: {Owner}", id, command.ConversationId, command.Settings.Type, command.Owner ?? "-");
        var encoded = SdpText.Encode(sdp);
        Answer(first, new TubeCreated(id, command.ConversationId, node.Node, state)
        {
            Offer = command.Offer is null ? encoded : null,
            Answer = command.Offer is null ? null : encoded,
            LocalListenAddress = listen,
        });
        Follow(connection!.ConnectionState);
    }

    // The registry answers the askers; it ignores a second word on the same create.
    private static void Answer(PendingCreate create, RegistryReply reply) => Context.Parent.Tell(new CreateSettled(create, reply));

    // ------------------------------------------------------------------ signals

    private void Signal(TubeSignalBuffer.Factory create)
    {
        var signal = signals.Publish(create);
        node.Events.Publish(signal);
        foreach (var (subscriber, last) in subscribers)
            if (signal.Sequence <= last)
                subscriber.Tell(signal);
    }

    private void Subscribe(SubscribeSignals command)
    {
        Sender.Tell(Done.Instance);
        foreach (var signal in signals.After(command.AfterSequence, command.Window ?? int.MaxValue))
            Sender.Tell(signal);
        if (!subscribers.ContainsKey(Sender))
            Context.Watch(Sender);
        subscribers[Sender] = command.Window is { } window ? Math.Max(0, command.AfterSequence) + window : long.MaxValue;
    }

    private void Unsubscribe(IActorRef subscriber)
    {
        if (subscribers.Remove(subscriber))
            Context.Unwatch(subscriber);
    }

    // ------------------------------------------------------------------ state

    private void Enter(TubeState next)
    {
        if (!TubeStates.RuleOf(state).Next.Contains(next))
            throw new InvalidOperationException($"A tube cannot go from {state.Text} to {next.Text}.");
        state = next;
        node.Metrics.Entered(next);
        if (history.Length == MaxHistory)
            history = history.RemoveAt(1); // the first says since when the tube exists
        history = history.Add(new(next, Now));
        Publish();
        if (next != TubeState.Closed) // its signal is the tube's last, with the reason
            Signal((t, n) => new ConnectionStateChanged(t, n, Now, next));
        if (TubeStates.RuleOf(next).Deadline is { } deadline)
            Timers.StartSingleTimer(DeadlineTimer, new StateDeadline(next), deadline(node.Settings));
        else
            Timers.Cancel(DeadlineTimer);
    }

    private void Publish()
    {
        entry.Conversations = [.. channels.Values.Where(c => c.Conversation is not null).Select(c => new ReportedConversation(c.Id, c.Type, c.Conversation!))];
        var isEnded = state is TubeState.Failed or TubeState.Closing or TubeState.Closed;
        entry.Snapshot = entry.Snapshot with
        {
            State = state,
            Conversations = [.. channels.Values.Select(c => c.Snapshot)],
            History = history,
            SelectedPair = path is null ? null : $"{Name(path.Local.Type)}/{Name(path.Remote.Type)}",
            LocalAddress = path is null ? null : AddressOf(path.Local),
            RemoteAddress = path is null ? null : AddressOf(path.Remote),
            Traffic = entry.ReadTraffic(),
            CloseReason = isEnded ? end?.Reason : null,
            CloseText = isEnded ? end?.Text : null,
            ClosedBy = isEnded ? end?.ClosedBy : null,
        };
    }

    private Refused Ending() => new(RefusalCode.TubeClosing, $"Tube {id} is ending.") { TubeId = id };
}
