using Microsoft.Extensions.Logging;
using SIPSorcery.Net;

namespace Registry.WebRtc.SipSorcery;

/// <summary>
/// One peer connection over an <see cref="RTCPeerConnection"/>. This file holds its states and its end; Signaling applies descriptions and candidates, Channels serves
/// the data channels, Statistics tells what is known.
/// </summary>
/// <remarks>SIPSorcery calls from its own threads, some of which it holds locks on: nothing of the application runs there, and nothing is called back under <see cref="gate"/>.</remarks>
internal sealed partial class SipSorceryPeerConnection : IPeerConnection
{
    // SIPSorcery gives up after two seconds without telling anybody.
    private static readonly TimeSpan AssociationTimeout = TimeSpan.FromSeconds(10);

    private readonly SipSorceryPeerConnectionFactory factory;
    private readonly PeerConnectionConfiguration configuration;
    private readonly ILogger logger;
    private readonly EventQueue events;
    private readonly RTCPeerConnection inner;
    private readonly CancellationTokenSource end = new();
    private readonly object gate = new();
    private PeerConnectionState connectionState;
    private IceConnectionState iceState;
    private bool wasConnected;
    private bool released;
    private Task closing = Task.CompletedTask;

    public SipSorceryPeerConnection(SipSorceryPeerConnectionFactory factory, PeerConnectionConfiguration configuration, ILogger logger)
    {
        (this.factory, this.configuration, this.logger) = (factory, configuration, logger);
        events = new(configuration.Name, logger);
        inner = new(new RTCConfiguration
        {
            iceServers = [.. configuration.IceServers.SelectMany(server => server.Urls, ToInner)],
            iceTransportPolicy = configuration.IceTransportPolicy == IceTransportPolicy.Relay ? RTCIceTransportPolicy.relay : RTCIceTransportPolicy.all,
            X_BindAddress = factory.Options.BindAddress,
            X_GatherTimeoutMs = (int)configuration.GatheringTimeout.TotalMilliseconds,
        });
        inner.OnRtpClosed += OnClosed;
        inner.onconnectionstatechange += OnConnectionState;
        inner.oniceconnectionstatechange += OnIceState;
        FollowChannels();
        FollowGathering();
    }

    public event Action<PeerConnectionState>? ConnectionStateChanged;
    public event Action<IceConnectionState>? IceConnectionStateChanged;
    public event Action<IceGatheringState>? IceGatheringStateChanged;
    public event Action<IceCandidate?>? IceCandidateFound;
    public event Action<IDataChannel>? DataChannelReceived;

    // Without ICE restarts there is nothing to do about it, and SIPSorcery does not tell.
    event Action? IPeerConnection.LocalAddressesChanged
    {
        add { }
        remove { }
    }

    public PeerConnectionState ConnectionState
    {
        get { lock (gate) return connectionState; }
    }

    public IceConnectionState IceConnectionState
    {
        get { lock (gate) return iceState; }
    }

    public PeerConnectionFailure? Failure { get; private set; }

    private TimeProvider Time => factory.Options.TimeProvider;

    public async ValueTask DisposeAsync()
    {
        lock (gate)
        {
            Release(PeerConnectionState.Closed);
            ChangeConnectionState(PeerConnectionState.Closed);
        }

        events.Start();
        await closing.ConfigureAwait(false);
    }

    private void OnIceState(RTCIceConnectionState state)
    {
        lock (gate)
        {
            var next = state switch
            {
                RTCIceConnectionState.@new => IceConnectionState.New,
                RTCIceConnectionState.checking => IceConnectionState.Checking,
                RTCIceConnectionState.connected => IceConnectionState.Connected,
                RTCIceConnectionState.disconnected => IceConnectionState.Disconnected,
                RTCIceConnectionState.failed => IceConnectionState.Failed,
                _ => IceConnectionState.Closed,
            };
            if (released || next == iceState)
                return;
            iceState = next;
            events.Raise(() => IceConnectionStateChanged?.Invoke(next));
            if (next == IceConnectionState.Failed)
                Fail(wasConnected
                    ? new(PeerConnectionFailureKind.ConsentExpired, "The path has not answered; consent to send has expired (RFC 7675).")
                    : new(PeerConnectionFailureKind.IceFailed, "No candidate pair answered in time."));
            else
                UpdateConnectionState();
        }
    }

    private void OnConnectionState(RTCPeerConnectionState state)
    {
        if (state != RTCPeerConnectionState.connected)
            return;
        lock (gate)
        {
            if (released)
                return;
            if (!wasConnected)
                _ = ExpectAssociationAsync();
            wasConnected = true;
            UpdateConnectionState();
        }
    }

    /// <summary>SIPSorcery closed the connection; the reason is a text, and the only place where it says what went wrong with DTLS.</summary>
    private void OnClosed(string reason)
    {
        lock (gate)
        {
            switch (reason)
            {
                case "dtls fingerprint mismatch":
                    Fail(new(PeerConnectionFailureKind.FingerprintMismatch, "The peer's certificate does not have the fingerprint of its description."));
                    break;
                case "dtls handshake failed":
                    Fail(new(PeerConnectionFailureKind.DtlsFailed, "The DTLS handshake failed."));
                    break;
                default:
                    Release(PeerConnectionState.Closed);
                    break;
            }
        }
    }

    private async Task ExpectAssociationAsync()
    {
        try
        {
            await associated.Task.WaitAsync(AssociationTimeout, Time, end.Token).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            lock (gate)
                Fail(new(PeerConnectionFailureKind.SctpFailed, $"The SCTP association was not established within {AssociationTimeout.TotalSeconds} s."));
        }
        catch (OperationCanceledException)
        {
            // The connection ended first.
        }
    }

    /// <summary>The aggregate of W3C WebRTC §4.3.3, without the final states.</summary>
    private void UpdateConnectionState() => ChangeConnectionState(iceState switch
    {
        IceConnectionState.New => PeerConnectionState.New,
        IceConnectionState.Disconnected => PeerConnectionState.Disconnected,
        IceConnectionState.Connected when wasConnected => PeerConnectionState.Connected,
        _ => PeerConnectionState.Connecting,
    });

    private void ChangeConnectionState(PeerConnectionState next)
    {
        if (next == connectionState)
            return;
        connectionState = next;
        events.Raise(() => ConnectionStateChanged?.Invoke(next));
    }

    private void Fail(PeerConnectionFailure failure)
    {
        if (released)
            return;
        Failure = failure;
        LogFailed(configuration.Name, failure.Kind, failure.Message);
        Release(PeerConnectionState.Failed);
    }

    /// <summary>The one exit, however the connection ended.</summary>
    private void Release(PeerConnectionState final)
    {
        if (released)
            return;
        released = true;
        end.Cancel();
        Monitor.PulseAll(gate);
        signalingState = SignalingState.Closed;
        CloseAllChannels();
        ChangeConnectionState(final);
        factory.Remove(this);
        // Elsewhere, because this may be one of SIPSorcery's own threads, and it waits for others of them.
        closing = Task.Run(CloseInner);
    }

    private void CloseInner()
    {
        try
        {
            inner.close();
        }
        catch (Exception e)
        {
            LogNotClosed(e, configuration.Name);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Peer connection {Connection} failed: {Kind}: {Reason}")]
    private partial void LogFailed(string connection, PeerConnectionFailureKind kind, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "SIPSorcery did not close peer connection {Connection} in order")]
    private partial void LogNotClosed(Exception exception, string connection);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Data channel {Label} of peer connection {Connection} was not opened")]
    private partial void LogChannelNotOpened(Exception? exception, string connection, string label);
}
