using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Registry.WebRtc.DataChannels;
using Registry.WebRtc.Dtls;
using Registry.WebRtc.Ice;
using Registry.WebRtc.Net;
using Registry.WebRtc.Sctp;

namespace Registry.WebRtc;

/// <summary>
/// One peer connection: the ICE, DTLS, SCTP and data-channel state machines under one lock. This file holds its state and the
/// public members; Signaling applies descriptions, Gathering finds candidates, IceRestart changes the path's credentials, Transport moves
/// packets, Tcp keeps paths over TCP, Names resolves names in candidates, Channels serves the data channels, Statistics counts.
/// </summary>
/// <remarks>
/// Work is done by <see cref="Execute"/> on the thread pool, one run at a time, and by callers of public members. Nothing
/// of the application runs under the lock: changes are queued and raised, in order, by one thread at a time.
/// </remarks>
internal sealed partial class PeerConnection : IPeerConnection
{
    private readonly PeerConnectionFactory factory;
    private readonly PeerConnectionConfiguration configuration;
    private readonly ILogger logger;
    private readonly DtlsCertificate certificate;
    private readonly Lock gate = new();
    private readonly Queue<Action> events = new();
    private bool raisingEvents;
    private bool released;
    private PeerConnectionState connectionState;

    public PeerConnection(PeerConnectionFactory factory, PeerConnectionConfiguration configuration, IDatagramTransport transport, bool ownsTransport, ILogger logger)
    {
        this.factory = factory;
        this.configuration = configuration;
        this.logger = logger;
        certificate = factory.CurrentCertificate();
        this.transport = transport;
        this.ownsTransport = ownsTransport;
        servers = ReadServers(configuration.IceServers);
        gatherer = new IceGatherer(
            new IceGatheringOptions { Timeout = configuration.GatheringTimeout, RelayOnly = IsRelayOnly }, [.. servers.Select(s => s.Url)], RandomNumberGenerator.Fill);
        ice = CreateIceAgent(IceCredentials.Create());
        timer = factory.Time.CreateTimer(static self => ((PeerConnection)self!).OnDeadline(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public event Action<PeerConnectionState>? ConnectionStateChanged;
    public event Action<IceConnectionState>? IceConnectionStateChanged;
    public event Action<IceGatheringState>? IceGatheringStateChanged;
    public event Action<IceCandidate?>? IceCandidateFound;
    public event Action<IDataChannel>? DataChannelReceived;
    public event Action? LocalAddressesChanged;

    public PeerConnectionState ConnectionState
    {
        get { lock (gate) return connectionState; }
    }

    public IceConnectionState IceConnectionState
    {
        get { lock (gate) return iceState; }
    }

    public CandidatePair? SelectedCandidatePair
    {
        get { lock (gate) return ice.SelectedPair ?? replacedIce?.SelectedPair; }
    }

    public PeerConnectionFailure? Failure { get; private set; }

    private TimeSpan Now => factory.Now;

    public ValueTask DisposeAsync()
    {
        lock (gate)
        {
            if (!released)
            {
                SendGoodbye();
                Release(PeerConnectionState.Closed);
            }
            else if (connectionState != PeerConnectionState.Closed)
            {
                ChangeConnectionState(PeerConnectionState.Closed);
            }
        }
        Schedule();
        return ValueTask.CompletedTask;
    }

    private void Fail(PeerConnectionFailureKind kind, string message)
    {
        if (released)
            return;
        Failure = new(kind, message);
        LogFailed(configuration.Name, kind, message);
        SendGoodbye();
        Release(PeerConnectionState.Failed);
    }

    /// <summary>The one exit: frees everything the connection holds, however it ended.</summary>
    private void Release(PeerConnectionState final)
    {
        released = true;
        timer.Dispose();
        LeaveSharedTimer();
        inbox.Close();
        ReleaseIceAgents();
        foreach (var address in learnedAddresses)
            factory.Demultiplexer.RemoveAddress(address, this);
        learnedAddresses.Clear();
        while (announcedChecks.TryDequeue(out var transaction))
            factory.Demultiplexer.RemoveTransaction(transaction);
        livePath = null;
        earlyRecords.ForEach(static record => record.Return());
        earlyRecords.Clear();
        dtls?.Dispose();
        ReleaseRelays();
        ReleaseTcpLinks();
        CloseAllChannels();
        if (ownsTransport)
            transport.Dispose();
        signalingState = SignalingState.Closed;
        ChangeConnectionState(final);
        factory.Remove(this);
    }

    private void ChangeConnectionState(PeerConnectionState next)
    {
        if (next == connectionState)
            return;
        connectionState = next;
        Raise(() => ConnectionStateChanged?.Invoke(next));
    }

    /// <summary>The aggregate of W3C WebRTC §4.3.3, without the final states.</summary>
    private void UpdateConnectionState()
    {
        if (released)
            return;
        ChangeConnectionState(iceState switch
        {
            IceConnectionState.New => PeerConnectionState.New,
            IceConnectionState.Disconnected => PeerConnectionState.Disconnected,
            IceConnectionState.Connected or IceConnectionState.Completed when association is not null => PeerConnectionState.Connected,
            _ => PeerConnectionState.Connecting,
        });
    }

    /// <summary>Queues something to tell the application; called under the lock.</summary>
    private void Raise(Action change) => events.Enqueue(change);

    /// <summary>Tells the application what was queued, in order; called without the lock.</summary>
    private void RaiseEvents()
    {
        while (true)
        {
            Action change;
            lock (gate)
            {
                if (raisingEvents || !events.TryDequeue(out change!))
                    return;
                raisingEvents = true;
            }
            try
            {
                change();
            }
            catch (Exception e)
            {
                // The application's handler failed: its fault must not stop the connection's other handlers.
                LogHandlerFailed(e, configuration.Name);
            }
            finally
            {
                lock (gate)
                    raisingEvents = false;
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Peer connection {Connection} failed: {Kind}: {Reason}")]
    private partial void LogFailed(string connection, PeerConnectionFailureKind kind, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Data channel {Label} of peer connection {Connection} was not opened: {Reason}")]
    private partial void LogChannelNotOpened(string connection, string label, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "An ICE server gives no candidate to peer connection {Connection}: {Error}")]
    private partial void LogServerFailed(string connection, string error);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Fresh credentials for the relays of peer connection {Connection} could not be had, attempt {Attempt}: {Error}")]
    private partial void LogNoCredentials(string connection, int attempt, string error);

    [LoggerMessage(Level = LogLevel.Error, Message = "An event handler of peer connection {Connection} threw")]
    private partial void LogHandlerFailed(Exception exception, string connection);

    [LoggerMessage(Level = LogLevel.Error, Message = "Peer connection {Connection} ended by an unexpected error")]
    private partial void LogUnexpected(Exception exception, string connection);
}
