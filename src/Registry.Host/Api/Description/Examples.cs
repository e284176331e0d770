using Registry.Actors.Audit;

namespace Registry.Host.Api.Description;

/// <summary>What the document shows as examples: one story of one tube.</summary>
internal static class Examples
{
    public const string TubeId = "6f1c2a7e9b0d4c3fa5e81b2d7c9e0f34";
    public const string Conversation = "session-7";
    public const string Node = "gateway-1";
    public const string Sdp = "dj0wDQpvPS0gNDYxMTczMTQgMiBJTiBJUDQgMTI3LjAuMC4xDQo=";
    private const string Candidate = "candidate:1 1 udp 2130706431 192.0.2.7 50000 typ host";

    private static readonly DateTimeOffset At = new(2026, 3, 1, 9, 30, 0, TimeSpan.Zero);

    public static readonly CreateTubeBody Create = new()
    {
        ConversationId = Conversation,
        Settings = TubeSettings.Of(new { conversationType = "tunnel", target_host = "db.example", target_port = 5432 }),
        Offer = Sdp,
        Owner = "alice",
    };

    public static readonly TubeCreatedBody Created = new(TubeId, Conversation, Node, "connecting") { Answer = Sdp };

    public static readonly TubeBody Tube = new(TubeId, Node, "ready", IsOfferer: false, At)
    {
        Owner = "alice",
        Conversations = [new(Conversation, "tunnel", IsOpen: true)],
        History = [new("new", At), new("initializing", At), new("connecting", At.AddMilliseconds(12)), new("active", At.AddMilliseconds(58)), new("ready", At.AddMilliseconds(61))],
        SelectedPair = "host/host",
        LocalAddress = "192.0.2.1:50123",
        RemoteAddress = "192.0.2.7:50000",
        Traffic = new(BytesSent: 48211, BytesReceived: 1930, MessagesSent: 61, MessagesReceived: 40, RoundTripMs: 0.42) { LastSentAt = At.AddSeconds(4), LastReceivedAt = At.AddSeconds(4) },
    };

    public static readonly ListBody<TubeBody> Tubes = new([Tube]) { NextCursor = TubeId };

    public static readonly ConversationBody Found = new(Conversation, "tunnel", IsOpen: true, TubeId, Node, "ready");

    public static readonly RemoteDescriptionBody Answer = new() { Type = "answer", Sdp = Sdp };

    public static readonly DescriptionBody Offer = new(TubeId, "offer", Sdp);

    public static readonly CandidatesBody Candidates = new() { Candidates = [Candidate, ""] };

    public static readonly TokenBody Token = new() { LifetimeMs = 600_000 };

    public static readonly TokenCreatedBody TokenCreated = new(TubeId, "tt_CfDJ8…", At.AddMinutes(10));

    public static readonly SignalBody Signal = new(TubeId, 4, At.AddMilliseconds(61), "connection_state_changed") { State = "ready" };

    public static readonly CapacityBody Capacity = new()
    {
        CanAcceptMore = true, ActiveCreates = 3, MaxConcurrentCreates = 100, MaxWaiting = 100, LoadPercentage = 3, AvgCreateTimeMs = 4.2, TotalCreates = 1811, TotalFailures = 2, Tubes = 412, MaxTubes = 10000,
    };

    public static readonly LimitsBody Limits = new() { MaxTubes = 5000, MaxTubesPerOwner = 20 };

    public static readonly DrainBody Drain = new() { DeadlineMs = 30_000, UntilAtMost = 0 };

    public static readonly ReloadedBody Reloaded = new(["registry.admission.max-tubes"], ["registry.http.hosts"], ["2 target rules are in force; 0 connections that they do not allow ended."]);

    public static readonly StatisticsBody Statistics = StatisticsBody.Of(new(new(TubeId), At) { IceState = "connected", DtlsState = "connected" });

    public static readonly CapacityBody Draining = Capacity with { CanAcceptMore = false, IsDraining = true, DrainUntil = At.AddSeconds(30) };

    public static readonly ListBody<AuditRecord> Records = new([new(AuditKind.TubeEnd, "gateway-1.18f2c.7", At.AddMinutes(5), Node)
    {
        Owner = "alice",
        Caller = "alice-laptop",
        TubeId = TubeId,
        ConversationId = Conversation,
        Type = "tunnel",
        BytesSent = 48211,
        BytesReceived = 1930,
        Reason = Registry.Messages.CloseReason.Client,
        Text = "The client ended it.",
        ClosedBy = "alice-laptop",
        DurationMs = 300_000,
    }]);

    public static readonly ListBody<NodeBody> Nodes = new([new(Node, "10.0.0.1:4053", "up") { Load = 3, Capacity = Capacity, Version = "0.1.0", Since = At.AddDays(-2) }]);
}
