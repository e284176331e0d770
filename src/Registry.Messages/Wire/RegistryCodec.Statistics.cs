namespace Registry.Messages.Wire;

public static partial class RegistryCodec
{
    private static V1.StatisticsRead Write(StatisticsRead reply) => new() { Statistics = Write(reply.Statistics) };

    private static StatisticsRead Read(V1.StatisticsRead wire) => new(Read(Required(wire.Statistics, "statistics")));

    private static V1.TubeStatistics Write(TubeStatistics statistics)
    {
        var wire = new V1.TubeStatistics
        {
            TubeId = statistics.TubeId.ToString(),
            AtUtcTicks = statistics.At.UtcTicks,
            IceState = statistics.IceState,
            DtlsState = statistics.DtlsState,
            IceRestarts = statistics.IceRestarts,
            PathChanges = statistics.PathChanges,
            Datagrams = Write(statistics.Datagrams),
            Queues = new() { Sending = statistics.Queues.Sending, Receiving = statistics.Queues.Receiving, Limit = statistics.Queues.Limit },
            Channels = { statistics.Channels.Select(Write) },
        };
        if (statistics.Cipher is { } cipher)
            wire.Cipher = cipher;
        if (statistics.Path is { } path)
            wire.Path = Write(path);
        if (statistics.Association is { } association)
            wire.Association = Write(association);
        return wire;
    }

    private static TubeStatistics Read(V1.TubeStatistics wire) => new(Tube(wire.TubeId), Time(wire.AtUtcTicks))
    {
        IceState = wire.IceState,
        DtlsState = wire.DtlsState,
        Cipher = wire.HasCipher ? wire.Cipher : null,
        IceRestarts = wire.IceRestarts,
        PathChanges = wire.PathChanges,
        Datagrams = Read(Required(wire.Datagrams, "datagrams")),
        Path = wire.Path is { } path ? Read(path) : null,
        Association = wire.Association is { } association ? Read(association) : null,
        Queues = Required(wire.Queues, "queues") is var queues ? new(queues.Sending, queues.Receiving, queues.Limit) : default,
        Channels = [.. wire.Channels.Select(Read)],
    };

    private static V1.TubeCounters Write(TubeCounters counters) =>
        new() { Sent = counters.Sent, Received = counters.Received, BytesSent = counters.BytesSent, BytesReceived = counters.BytesReceived };

    private static TubeCounters Read(V1.TubeCounters wire) => new(wire.Sent, wire.Received, wire.BytesSent, wire.BytesReceived);

    private static V1.TubePathStatistics Write(TubePathStatistics path)
    {
        var wire = new V1.TubePathStatistics
        {
            Protocol = path.Protocol,
            LocalType = path.LocalType,
            LocalAddress = path.LocalAddress,
            RemoteType = path.RemoteType,
            RemoteAddress = path.RemoteAddress,
            Datagrams = Write(path.Datagrams),
        };
        if (path.RoundTripTime is { } roundTrip)
            wire.RoundTripTimeTicks = roundTrip.Ticks;
        return wire;
    }

    private static TubePathStatistics Read(V1.TubePathStatistics wire) => new(wire.Protocol, wire.LocalType, wire.LocalAddress, wire.RemoteType, wire.RemoteAddress)
    {
        RoundTripTime = wire.HasRoundTripTimeTicks ? new(wire.RoundTripTimeTicks) : null,
        Datagrams = Read(Required(wire.Datagrams, "datagrams")),
    };

    private static V1.TubeAssociationStatistics Write(TubeAssociationStatistics association)
    {
        var wire = new V1.TubeAssociationStatistics
        {
            CongestionWindow = association.CongestionWindow,
            ReceiverWindow = association.ReceiverWindow,
            PacketSize = association.PacketSize,
            BytesBuffered = association.BytesBuffered,
            Retransmissions = association.Retransmissions,
            Timeouts = association.Timeouts,
        };
        if (association.RoundTripTime is { } roundTrip)
            wire.RoundTripTimeTicks = roundTrip.Ticks;
        return wire;
    }

    private static TubeAssociationStatistics Read(V1.TubeAssociationStatistics wire) => new()
    {
        RoundTripTime = wire.HasRoundTripTimeTicks ? new(wire.RoundTripTimeTicks) : null,
        CongestionWindow = wire.CongestionWindow,
        ReceiverWindow = wire.ReceiverWindow,
        PacketSize = wire.PacketSize,
        BytesBuffered = wire.BytesBuffered,
        Retransmissions = wire.Retransmissions,
        Timeouts = wire.Timeouts,
    };

    private static V1.TubeChannelStatistics Write(TubeChannelStatistics channel) => new()
    {
        ConversationId = channel.ConversationId.ToString(),
        Type = channel.Type,
        State = channel.State,
        Protocol = channel.Protocol,
        Connections = channel.Connections,
        Messages = Write(channel.Messages),
    };

    private static TubeChannelStatistics Read(V1.TubeChannelStatistics wire) => new(Conversation(wire.ConversationId), wire.Type, wire.State)
    {
        Protocol = wire.Protocol,
        Connections = wire.Connections,
        Messages = Read(Required(wire.Messages, "messages")),
    };
}
