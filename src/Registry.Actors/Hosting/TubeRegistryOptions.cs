using System.Net;
using Registry.Actors.Audit;
using Registry.Actors.Channels;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors;

/// <summary>Settings of <c>WithTubeRegistry</c>. Null leaves the value to <c>registry.conf</c>.</summary>
public sealed class TubeRegistryOptions
{
    /// <summary>Makes the peer connections; null takes the <see cref="IPeerConnectionFactory"/> of the service container. The registry does not dispose it.</summary>
    public IPeerConnectionFactory? PeerConnections { get; set; }

    /// <summary>How peer connections gather and connect; null for the stack's defaults and the settings under <c>registry.webrtc</c>.</summary>
    public PeerConnectionConfiguration? PeerConnectionConfiguration { get; set; }

    /// <summary>The node's name in replies and snapshots; null for the announced <c>host:port</c> of a node in a cluster, and the machine's name otherwise.</summary>
    public string? Node { get; set; }

    /// <summary>Limit on creates in flight, at least 1 (<c>registry.admission.max-concurrent-creates</c>).</summary>
    public int? MaxConcurrentCreates { get; set; }

    /// <summary>Limit on tubes, at least 1 (<c>registry.admission.max-tubes</c>).</summary>
    public int? MaxTubes { get; set; }

    /// <summary>Limit on tubes of one owner, at least 1, or 0 for none (<c>registry.admission.max-tubes-per-owner</c>).</summary>
    public int? MaxTubesPerOwner { get; set; }

    /// <summary>Creates that may wait for admission, 0 or more (<c>registry.admission.max-waiting</c>).</summary>
    public int? MaxWaiting { get; set; }

    /// <summary>Ends a tube when no user bytes went either way for this long (<c>registry.tube.idle-timeout</c>).</summary>
    public TimeSpan? IdleTimeout { get; set; }

    /// <summary>Ends a tube at this age (<c>registry.tube.max-age</c>).</summary>
    public TimeSpan? MaxAge { get; set; }

    /// <summary>Limit on the bytes per second of a tube's connections, each way (<c>registry.tube.max-bytes-per-second</c>).</summary>
    public int? MaxBytesPerSecond { get; set; }

    /// <summary>The same for all tubes of one owner on this node together (<c>registry.tube.max-owner-bytes-per-second</c>).</summary>
    public int? MaxOwnerBytesPerSecond { get; set; }

    /// <summary>How long tubes may go on when the application stops, so that clients can move first; zero for not at all (<c>registry.drain.stop-deadline</c>).</summary>
    public TimeSpan? StopDeadline { get; set; }

    /// <summary>Where credentials for the relay are fetched, an http or https URL (<c>registry.ice.credentials-url</c>).</summary>
    public Uri? IceCredentialsUrl { get; set; }

    /// <summary>
    /// The clock of channels, limits and snapshots; null for the system's. Deadlines of states are the actor system's: a test that moves its
    /// scheduler gives a clock that follows it.
    /// </summary>
    public TimeProvider? TimeProvider { get; set; }

    /// <summary>Targets that may be dialled, added to <c>registry.targets.allow</c>: <c>host-or-cidr:port[,port]</c>, where <c>*</c> is any host or any port and <c>*.suffix</c> the names below one, or <c>*</c> alone for every public or private address that is not loopback.</summary>
    public IList<string> AllowTargets { get; } = [];

    /// <summary>Code that serves conversations of the type <c>handler</c>, by the name that their settings give: 1 to 64 characters of <c>A-Z a-z 0-9 . _ -</c>.</summary>
    public IDictionary<string, IConversationHandler> Handlers { get; } = new Dictionary<string, IConversationHandler>(StringComparer.Ordinal);

    /// <summary>
    /// Ports that are not a tube's: a tunnel whose <c>local_listen_addr</c> is one of their addresses, loopback or not, serves its clients instead of binding,
    /// and takes over from the tunnel before. The application disposes them.
    /// </summary>
    public IList<TunnelListener> Listeners { get; } = [];

    /// <summary>Where a conversation may listen for clients besides <see cref="Listeners"/> (<c>registry.channels.listen</c>).</summary>
    public ListenScope? Listen { get; set; }

    /// <summary>
    /// Told when a connection of a tunnel is refused, by the other end, which dials for the clients here, or by this end, which dials for those there:
    /// why, and in words. It must not block or throw.
    /// </summary>
    public Action<CloseReason, string>? ConnectionRefused { get; set; }

    /// <summary>
    /// Told when connections of a tunnel that were up end before their time: where their clients connect, or null at the end that dials; how many; and null when
    /// their channel ended, or the words of the other end, whose rules no longer allow the target. It must not block or throw.
    /// </summary>
    public Action<IPEndPoint?, int, string?>? ConnectionsCut { get; set; }

    /// <summary>Where the audit of tubes and connections goes; null for nowhere. The registry does not dispose it.</summary>
    public IAuditSink? Audit { get; set; }

    /// <summary>The settings of <c>registry.conf</c> with these options over them.</summary>
    /// <exception cref="ArgumentException">An option is out of range; the message names it.</exception>
    internal RegistrySettings Apply(RegistrySettings configured) => configured with
    {
        MaxConcurrentCreates = AtLeast(1, MaxConcurrentCreates, nameof(MaxConcurrentCreates)) ?? configured.MaxConcurrentCreates,
        MaxTubes = AtLeast(1, MaxTubes, nameof(MaxTubes)) ?? configured.MaxTubes,
        MaxTubesPerOwner = AtLeast(0, MaxTubesPerOwner, nameof(MaxTubesPerOwner)) ?? configured.MaxTubesPerOwner,
        MaxWaiting = AtLeast(0, MaxWaiting, nameof(MaxWaiting)) ?? configured.MaxWaiting,
        IdleTimeout = Positive(IdleTimeout, nameof(IdleTimeout)) ?? configured.IdleTimeout,
        MaxAge = Positive(MaxAge, nameof(MaxAge)) ?? configured.MaxAge,
        MaxBytesPerSecond = AtLeast(CreateTube.LeastBytesPerSecond, MaxBytesPerSecond, nameof(MaxBytesPerSecond)) ?? configured.MaxBytesPerSecond,
        MaxOwnerBytesPerSecond = AtLeast(CreateTube.LeastBytesPerSecond, MaxOwnerBytesPerSecond, nameof(MaxOwnerBytesPerSecond)) ?? configured.MaxOwnerBytesPerSecond,
        StopDeadline = NotNegative(StopDeadline, nameof(StopDeadline)) is { } stop ? stop > TimeSpan.Zero ? stop : null : configured.StopDeadline,
        IceCredentialsUrl = HttpUrl(IceCredentialsUrl, nameof(IceCredentialsUrl)) ?? configured.IceCredentialsUrl,
        Listen = Listen ?? configured.Listen,
        AllowTargets = [.. configured.AllowTargets, .. AllowTargets],
    };

    private static int? AtLeast(int least, int? value, string name) =>
        value < least ? throw new ArgumentOutOfRangeException(name, value, $"Must be at least {least}.") : value;

    private static TimeSpan? Positive(TimeSpan? value, string name) =>
        value <= TimeSpan.Zero ? throw new ArgumentOutOfRangeException(name, value, "Must be more than 0; leave it null for the configured limit.") : value;

    private static TimeSpan? NotNegative(TimeSpan? value, string name) =>
        value < TimeSpan.Zero ? throw new ArgumentOutOfRangeException(name, value, "Must be 0 or more.") : value;

    private static Uri? HttpUrl(Uri? value, string name) =>
        value is null || value is { IsAbsoluteUri: true, Scheme: "http" or "https" } ? value : throw new ArgumentException("Must be an http or https URL.", name);
}
