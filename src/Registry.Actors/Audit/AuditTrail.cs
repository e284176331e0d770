using Registry.Actors.Channels;
using Registry.Actors.Channels.Socks;
using Registry.Messages;

namespace Registry.Actors.Audit;

/// <summary>Makes the records of one node. Without a sink it makes none, and everything may begin.</summary>
/// <param name="sink">Where they go; null for nowhere.</param>
/// <param name="node">The node's name.</param>
/// <param name="time">The clock.</param>
internal sealed class AuditTrail(IAuditSink? sink, string node, TimeProvider time)
{
    /// <summary>No audit.</summary>
    public static AuditTrail None { get; } = new(null, "", TimeProvider.System);

    // How long whoever was refused should wait: the sink tries again about so often.
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    /// <summary>What those are told who may not begin.</summary>
    public const string Unavailable = "The gateway's audit cannot be written, and nothing may go unrecorded.";

    /// <summary>Why nothing may begin now; null when it may.</summary>
    public Refused? Refusal => sink is null or { IsAvailable: true } ? null : Refuse();

    /// <summary>A create was refused for <see cref="Refusal"/>.</summary>
    public void CountRefused() => sink?.CountRefused();

    /// <summary>A create is refused because it cannot be recorded.</summary>
    public static Refused Refuse() => new(RefusalCode.AuditUnavailable, $"{Unavailable} Try again in {RetryAfter.TotalSeconds} s.") { RetryAfter = RetryAfter };

    /// <summary>The records of a tube.</summary>
    public AuditSpan Tube(TubeId id, CreateTube command)
    {
        if (sink is null)
            return AuditSpan.None;
        var (target, listen) = command.Settings switch
        {
            TunnelSettings { TargetHost: { } host, TargetPort: var port } => (Name(host, port), null),
            RawSettings raw => (Name(raw.TargetHost, raw.TargetPort), null),
            GuacdSettings guacd => (Name(guacd), null),
            HandlerSettings handler => (handler.Name, null),
            TunnelSettings { ListenEndPoint: { } endPoint } => (null, endPoint.ToString()),
            SocksSettings { ListenEndPoint: { } endPoint } => (null, endPoint.ToString()),
            _ => default((string?, string?)),
        };
        return Begin(new(AuditKind.TubeStart, NewId(), time.GetUtcNow(), node)
        {
            Owner = command.Owner,
            Caller = command.Caller,
            TubeId = id.ToString(),
            ConversationId = command.ConversationId.ToString(),
            Type = command.Settings.Type,
            Target = target,
            Listen = listen,
        });
    }

    /// <summary>The records of a connection.</summary>
    /// <param name="origin">Whose it is.</param>
    /// <param name="number">Its number; null when the channel is the connection.</param>
    /// <param name="target">What was asked for.</param>
    /// <param name="listen">Where the client came to.</param>
    /// <param name="client">Who that is.</param>
    public ConnectionAudit Connection(ConversationOrigin origin, uint? number, string? target, string? listen = null, string? client = null) => new(sink is null
        ? AuditSpan.None
        : Begin(Of(AuditKind.ConnectionStart, origin) with { Connection = number, Target = target, Listen = listen, Client = client }));

    /// <summary>A dial was denied, or a connection ended because its target is denied now.</summary>
    public void Denied(DeniedDial denied) => sink?.Write(Of(AuditKind.DialDenied, denied.Origin) with
    {
        Target = Name(denied.Host, denied.Port),
        Denial = denied.Denial.Name(),
        Reason = CloseReason.ServerRefuse,
        Text = denied.Text,
    });

    /// <summary>A target as records have it.</summary>
    public static string Name(string host, int port) => new SocksTarget(host, port).ToString();

    /// <summary>The same for what guacd is told to connect to; null for a session that exists.</summary>
    public static string? Name(GuacdSettings guacd) => guacd.Targets.IsEmpty ? null : string.Join(", ", guacd.Targets.Select(target => Name(target.Host, target.Port)));

    private AuditRecord Of(AuditKind kind, ConversationOrigin origin) => new(kind, NewId(), time.GetUtcNow(), node)
    {
        Owner = origin.Owner,
        Caller = origin.Caller,
        TubeId = origin.TubeId.ToString(),
        ConversationId = origin.ConversationId.ToString(),
        Type = origin.Type,
    };

    private AuditSpan Begin(AuditRecord start) => new(sink!, start, time);

    // In the order of time, so that a store finds what belongs together side by side.
    public static string NewId() => Guid.CreateVersion7().ToString("N");
}
