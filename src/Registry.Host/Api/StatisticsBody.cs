using Registry.Messages;

namespace Registry.Host.Api;

/// <summary>Answer to <c>GET /v1/tubes/{id}/statistics</c>.</summary>
internal sealed record StatisticsBody(string TubeId, DateTimeOffset At, string IceState, string DtlsState)
{
    public string? Cipher { get; init; }
    public long IceRestarts { get; init; }
    public long PathChanges { get; init; }
    public TubeCounters Datagrams { get; init; }
    public PathBody? Path { get; init; }
    public AssociationBody? Association { get; init; }
    public TubeQueues Queues { get; init; }
    public required IReadOnlyList<ChannelBody> Channels { get; init; }

    public static StatisticsBody Of(TubeStatistics statistics) => new(statistics.TubeId.ToString(), statistics.At, statistics.IceState, statistics.DtlsState)
    {
        Cipher = statistics.Cipher,
        IceRestarts = statistics.IceRestarts,
        PathChanges = statistics.PathChanges,
        Datagrams = statistics.Datagrams,
        Path = statistics.Path is { } path ? PathBody.Of(path) : null,
        Association = statistics.Association is { } association ? AssociationBody.Of(association) : null,
        Queues = statistics.Queues,
        Channels = [.. statistics.Channels.Select(ChannelBody.Of)],
    };
}

/// <summary>The candidate pair that carries a tube's data.</summary>
internal sealed record PathBody(string Protocol, string LocalType, string LocalAddress, string RemoteType, string RemoteAddress, double? RoundTripMs, TubeCounters Datagrams)
{
    public static PathBody Of(TubePathStatistics path) =>
        new(path.Protocol, path.LocalType, path.LocalAddress, path.RemoteType, path.RemoteAddress, path.RoundTripTime?.TotalMilliseconds, path.Datagrams);
}

/// <summary>A tube's SCTP association.</summary>
internal sealed record AssociationBody(
    double? RoundTripMs, long CongestionWindow, long ReceiverWindow, int PacketSize, long BytesBuffered, long Retransmissions, long Timeouts)
{
    public static AssociationBody Of(TubeAssociationStatistics association) => new(
        association.RoundTripTime?.TotalMilliseconds,
        association.CongestionWindow,
        association.ReceiverWindow,
        association.PacketSize,
        association.BytesBuffered,
        association.Retransmissions,
        association.Timeouts);
}

/// <summary>One channel of a tube.</summary>
internal sealed record ChannelBody(string ConversationId, string Type, string State, string Protocol, int Connections, TubeCounters Messages)
{
    public static ChannelBody Of(TubeChannelStatistics channel) =>
        new(channel.ConversationId.ToString(), channel.Type, channel.State, channel.Protocol, channel.Connections, channel.Messages);
}
