using System.Collections.Frozen;
using System.Net;
using System.Net.Sockets;
using Registry.Actors.Audit;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors.Channels;

/// <summary>What one conversation does with its data channel. Made before the channel is open; ended once.</summary>
internal interface IConversation : IDisposable
{
    /// <summary>Where it listens, or null.</summary>
    IPEndPoint? ListenEndPoint { get; }

    /// <summary>Connections it carries now; read by any thread.</summary>
    int Connections => 0;

    /// <summary>What its data channel names as protocol when this end opens it; empty for none.</summary>
    string Protocol { get; }

    /// <summary>Serves an open data channel to its end. Called at most once; never throws.</summary>
    /// <param name="channel">The channel.</param>
    /// <param name="openedByPeer">Whether the peer opened it, so that this end takes or leaves the protocol it names.</param>
    Task<ChannelEnd> RunAsync(IDataChannel channel, bool openedByPeer);

    /// <summary>The node goes out of service: what listens here gives its port back and ends with the last of the connections it has.</summary>
    void Leave()
    {
    }

    /// <summary>Ends in order: tells the peer why, closes the channel, lets <see cref="RunAsync"/> finish. May be repeated, the first reason counts.</summary>
    /// <param name="reason">Why.</param>
    /// <param name="text">What happened, for people.</param>
    /// <param name="closedBy">Which caller asked for it, for the audit; null for none.</param>
    void Close(CloseReason reason, string text, string? closedBy = null);
}

/// <summary>How a channel ended.</summary>
/// <param name="Reason">Why; null when the data channel closed and nobody said why.</param>
/// <param name="Text">What happened, for people.</param>
internal readonly record struct ChannelEnd(CloseReason? Reason, string Text)
{
    // Names of callers that are longer are cut: a close is never refused for its caller's name.
    private const int MaxCaller = 128;

    /// <summary>Whether the peer said so.</summary>
    public bool ByPeer { get; init; }

    /// <summary>Which caller asked for it; null when none did.</summary>
    public string? ClosedBy { get; init; }

    /// <summary>The end that a caller asks for.</summary>
    public static ChannelEnd AskedFor(CloseReason reason, string? text, string? caller) =>
        new(reason, text ?? reason.Message) { ClosedBy = caller is { Length: > MaxCaller } ? caller[..MaxCaller] : caller };

    public static readonly ChannelEnd Unexplained = new(null, "The data channel closed.");
}

/// <summary>Sockets and tasks that channels hold now, all back at 0 when nothing is left; and what they were denied so far.</summary>
internal sealed class ChannelGauges
{
    private int connections;
    private int sockets;
    private int listeners;
    private long deniedDials;

    public int Connections => Volatile.Read(ref connections);
    public int Sockets => Volatile.Read(ref sockets);
    public int Listeners => Volatile.Read(ref listeners);
    public long DeniedDials => Interlocked.Read(ref deniedDials);

    public void ConnectionsChanged(int by) => Interlocked.Add(ref connections, by);
    public void SocketsChanged(int by) => Interlocked.Add(ref sockets, by);
    public void ListenersChanged(int by) => Interlocked.Add(ref listeners, by);
    public void DialDenied() => Interlocked.Increment(ref deniedDials);
}

/// <summary>What conversations need from their node.</summary>
internal sealed record ChannelServices(RegistrySettings Settings, TargetPolicy Targets, TimeProvider Time, ChannelGauges Gauges)
{
    /// <summary>Told when the dialling end refuses a connection, be it the other end or this one.</summary>
    public Action<CloseReason, string>? ConnectionRefused { get; init; }

    /// <summary>
    /// Told where clients connect, or null, and how many connections that were up ended with their channel; or that one was ended because its target is
    /// no longer allowed, with the other end's words.
    /// </summary>
    public Action<IPEndPoint?, int, string?>? ConnectionsCut { get; init; }

    /// <summary>What tubes get that ask for no less.</summary>
    public TubeLimits Limits { get; init; } = new(Settings);

    /// <summary>Code of the application that serves conversations, by name.</summary>
    public IReadOnlyDictionary<string, IConversationHandler> Handlers { get; init; } = FrozenDictionary<string, IConversationHandler>.Empty;

    /// <summary>Told of each target that the target policy denies to a tube, and of each connection that it ends.</summary>
    public Action<DeniedDial>? DialDenied { get; init; }

    /// <summary>Where connections are recorded.</summary>
    public AuditTrail Audit { get; init; } = AuditTrail.None;

    /// <summary>Told what such code threw.</summary>
    public Action<string, ConversationOrigin, Exception>? HandlerFailed { get; init; }

    /// <summary>Ports that outlive the conversations that serve them.</summary>
    public IReadOnlyCollection<TunnelListener> Listeners { get; init; } = [];

    /// <summary>How names become addresses.</summary>
    public Func<string, CancellationToken, Task<IPAddress[]>> Resolve { get; init; } = System.Net.Dns.GetHostAddressesAsync;

    /// <summary>How an address becomes a connected socket.</summary>
    public Func<IPEndPoint, CancellationToken, Task<Socket>> Connect { get; init; } = TargetDialer.ConnectAsync;
}
