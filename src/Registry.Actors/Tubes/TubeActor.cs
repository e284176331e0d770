using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.ExceptionServices;
using Akka.Actor;
using Akka.Event;
using Registry.Actors.Admission;
using Registry.Actors.Channels;
using Registry.Actors.ReadModel;
using Registry.Actors.Signals;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors.Tubes;

/// <summary>
/// One tube: its peer connection, channels, signals and timers.
/// <code>
/// new → initializing → connecting → active ⇄ ready        any state: deadline, failure or crash → failed ┐
///                                     ⇅      ⇅             any state: close → closing ───────────────────┤→ PostStop: closed
///                                     disconnected                                                      ┘
/// </code>
/// <see cref="PostStop"/> is the one place that releases. Descriptions and candidates are in
/// TubeActor.Signalling.cs, channels in TubeActor.Channels.cs, the end in TubeActor.Ending.cs.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "PostStop is an actor's Dispose; a source that is only cancelled holds nothing.")]
internal sealed partial class TubeActor : UntypedActor, IWithTimers
{
    private const string DeadlineTimer = "state";
    private const int MaxHistory = 32;

    private readonly TubeContext node;
    private readonly TubeId id;
    private readonly PendingCreate first;
    private readonly TubeSignalBuffer signals;
    private readonly ILoggingAdapter log = Context.GetLogger();
    private readonly CancellationTokenSource stop = new();
    private readonly HashSet<IActorRef> subscribers = [];
    private readonly List<IActorRef> closers = [];
    private readonly IActorRef self;

    private TubeState state = TubeState.New;
    private ImmutableArray<TubeStateEntry> history = [];
    private TubeEntry? entry;
    private IPeerConnection? connection;
    private Action? detach;
    private string? selectedPair;
    private ChannelEnd? end;      // why the tube ends, once it does
    private bool closedByPeer;
    private Refused? refusal;     // what the first asker is told when it ends before it was answered
    private Exception? crash;

    public TubeActor(TubeContext node, TubeId id, PendingCreate first)
    {
        this.node = node;
        this.id = id;
        this.first = first;
        self = Self;
        signals = new(id, node.Settings.SignalBuffer);
    }

    public ITimerScheduler Timers { get; set; } = null!;

    private static DateTimeOffset Now => Context.System.Scheduler.Now;

    public static Props Props(TubeContext node, TubeId id, PendingCreate first) => Akka.Actor.Props.Create(() => new TubeActor(node, id, first));

    protected override void PreStart() => Self.Tell(Begin.Instance);

    protected override bool AroundReceive(Receive receive, object message)
    {
        try
        {
            return base.AroundReceive(receive, message);
        }
        catch (Exception e)
        {
            crash = e; // The registry stops a tube that throws; PostStop tells why.
            throw;
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
                refusal = new(RefusalCode.TubeClosing, "The tube was closed while it was being made.") { TubeId = id };
                BeginClose(close);
                break;
            case OpenChannel open:
                open.Pending.Answer(new Refused(RefusalCode.TubeNotReady, $"Tube {id} is still being made. Try again once its create was answered.") { TubeId = id }, MonotonicNow());
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
                OpenFurtherChannel(open.Pending);
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
                    EndChannel(ran.Channel, ran.End);
                else
                    EndChannel(ran.Channel, end!.Value, "tube_closed");
                CloseConnectionWhenChannelsEnded();
                break;
            case PeerConnectionClosed or PeerStateChanged { State: PeerConnectionState.Failed or PeerConnectionState.Closed }:
                Context.Stop(Self);
                break;
            case CloseTube:
                closers.Add(Sender);
                break;
            case OpenChannel open:
                open.Pending.Answer(Ending(), MonotonicNow());
                break;
            case SetRemoteDescription or AddCandidates or AssociateConversation:
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
            case AddCandidates candidates:
                Add(candidates);
                break;
            case CandidateGathered gathered:
                Signal((t, n) => new IceCandidateFound(t, n, Now, gathered.Candidate?.ToString() ?? ""));
                break;
            case PathChanged:
                ReadPath();
                break;
            case RepeatCreate repeat:
                Repeat(repeat.Command);
                break;
            case SubscribeSignals subscribe:
                Subscribe(subscribe.AfterSequence);
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
        var command = first.Command;
        entry = node.Directory.Add(new(id, node.Node, TubeState.New), signals);
        Enter(TubeState.New);
        Enter(TubeState.Initializing);
        string? offer = null;
        if (command.Offer is not null && !SdpText.TryDecode(command.Offer, "offer", out offer, out refusal)
            || !TryAddConversation(command.ConversationId, command.Settings, out var channel, out refusal))
        {
            Fail(CloseReason.ConfigurationError, refusal!.Message);
            return;
        }

        connection = node.Connections.CreatePeerConnection(node.ConnectionConfiguration);
        entry.Connection = connection;
        Attach(connection, command.TrickleIce);
        if (offer is null)
            Use(channel, connection.CreateDataChannel(channel.Id.ToString()));
        TubeNegotiation.RunAsync(connection, offer, command.TrickleIce, stop.Token).PipeTo(self, failure: WorkFailed.From);
    }

    // Foreign threads only ever tell.
    private void Attach(IPeerConnection peer, bool trickle)
    {
        void OnState(PeerConnectionState s) => self.Tell(new PeerStateChanged(s));
        void OnIce(IceConnectionState s) => self.Tell(PathChanged.Instance);
        void OnCandidate(IceCandidate? candidate) => self.Tell(new CandidateGathered(candidate));
        void OnChannel(IDataChannel channel) => self.Tell(new PeerOpenedChannel(channel));

        peer.ConnectionStateChanged += OnState;
        peer.IceConnectionStateChanged += OnIce;
        peer.DataChannelReceived += OnChannel;
        if (trickle)
            peer.IceCandidateFound += OnCandidate;
        detach = () =>
        {
            peer.ConnectionStateChanged -= OnState;
            peer.IceConnectionStateChanged -= OnIce;
            peer.DataChannelReceived -= OnChannel;
            peer.IceCandidateFound -= OnCandidate;
        };
    }

    private void Created(string sdp)
    {
        Enter(TubeState.Connecting);
        Become(Living);
        var command = first.Command;
        log.Info("Tube {TubeId} made for conversation {ConversationId}", id, command.ConversationId);
        var encoded = SdpText.Encode(sdp);
        first.Answer(
            new TubeCreated(id, command.ConversationId, node.Node, state)
            {
                Offer = command.Offer is null ? encoded : null,
                Answer = command.Offer is null ? null : encoded,
                LocalListenAddress = FirstChannel?.Conversation?.ListenEndPoint?.ToString(),
            },
            MonotonicNow());
        Follow(connection!.ConnectionState);
    }

    private void Repeat(CreateTube command)
    {
        if (command.ConversationId == first.Command.ConversationId)
            first.Join(Sender);
        else
            Sender.Tell(new Refused(RefusalCode.InvalidRequest,
                $"requestKey belongs to a create for another conversation, tube {id}. Use a fresh key for each create.")
            { Key = "requestKey", TubeId = id });
    }

    // ------------------------------------------------------------------ signals

    private void Signal(TubeSignalBuffer.Factory create)
    {
        var signal = signals.Publish(create);
        foreach (var subscriber in subscribers)
            subscriber.Tell(signal);
    }

    private void Subscribe(long afterSequence)
    {
        Sender.Tell(Done.Instance);
        foreach (var signal in signals.After(afterSequence))
            Sender.Tell(signal);
        if (subscribers.Add(Sender))
            Context.Watch(Sender);
    }

    private void Unsubscribe(IActorRef subscriber)
    {
        if (subscribers.Remove(subscriber))
            Context.Unwatch(subscriber);
    }

    // ------------------------------------------------------------------ state

    private void Enter(TubeState next)
    {
        state = next;
        if (history.Length == MaxHistory)
            history = history.RemoveAt(0);
        history = history.Add(new(next, Now));
        Publish();
        if (next is not (TubeState.New or TubeState.Closed))
            Signal((t, n) => new ConnectionStateChanged(t, n, Now, next));
        if (TubeStates.DeadlineOf(next, node.Settings) is { } deadline)
            Timers.StartSingleTimer(DeadlineTimer, new StateDeadline(next), deadline.After);
        else
            Timers.Cancel(DeadlineTimer);
    }

    private void Publish()
    {
        if (entry is null)
            return;
        var isEnded = state is TubeState.Failed or TubeState.Closing or TubeState.Closed;
        entry.Snapshot = new(id, node.Node, state)
        {
            Owner = first.Command.Owner,
            IsOfferer = first.Command.Offer is null,
            Conversations = [.. channels.Values.Select(c => c.Snapshot)],
            History = history,
            SelectedPair = selectedPair,
            CloseReason = isEnded ? end?.Reason : null,
            CloseText = isEnded ? end?.Text : null,
        };
    }

    private static TimeSpan MonotonicNow() => Context.System.Scheduler.MonotonicClock;

    private Refused Ending() => new(RefusalCode.TubeClosing, $"Tube {id} is ending.") { TubeId = id };
}
