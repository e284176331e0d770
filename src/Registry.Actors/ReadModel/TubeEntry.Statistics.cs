using Registry.Actors.Channels;
using Registry.Actors.Tubes;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors.ReadModel;

/// <summary>A conversation as the statistics read it.</summary>
internal sealed record ReportedConversation(ConversationId Id, string Type, IConversation Conversation);

internal sealed partial class TubeEntry
{
    /// <summary>What can be told of the connection, the queues and the channels at this moment; never waits for the data path.</summary>
    public TubeStatistics ReadStatistics()
    {
        var statistics = new TubeStatistics(TubeId, users.Time.GetUtcNow()) { Queues = new(Flow?.Sending.Queued ?? 0, Flow?.Receiving.Queued ?? 0, Flow?.Limits.TubeLimit ?? 0) };
        if (connection?.GetStatsReport() is not { } report)
            return statistics;
        var transport = report.Transport;
        return statistics with
        {
            IceState = Lower(transport.IceState),
            DtlsState = Lower(transport.DtlsState),
            Cipher = transport.DtlsCipher,
            IceRestarts = transport.IceRestarts,
            PathChanges = transport.SelectedCandidatePairChanges,
            Datagrams = new(transport.PacketsSent, transport.PacketsReceived, transport.BytesSent, transport.BytesReceived),
            Path = PathOf(report),
            Association = report.SctpTransport is { } sctp ? AssociationOf(sctp) : null,
            Channels = [.. conversations.Take(TubeStatistics.MostChannels).Select(c => ChannelOf(c, report.DataChannels.FirstOrDefault(d => d.Label == c.Id.ToString())))],
        };
    }

    private static TubePathStatistics? PathOf(StatsReport report)
    {
        if (report.SelectedCandidatePair is not { } pair
            || report.LocalCandidates.FirstOrDefault(c => c.Id == pair.LocalCandidateId)?.Candidate is not { } local
            || report.RemoteCandidates.FirstOrDefault(c => c.Id == pair.RemoteCandidateId)?.Candidate is not { } remote)
            return null;
        return new(local.Protocol, TubeActor.Name(local.Type), TubeActor.AddressOf(local), TubeActor.Name(remote.Type), TubeActor.AddressOf(remote))
        {
            RoundTripTime = pair.CurrentRoundTripTime,
            Datagrams = new(pair.PacketsSent, pair.PacketsReceived, pair.BytesSent, pair.BytesReceived),
        };
    }

    private static TubeAssociationStatistics AssociationOf(SctpTransportStatistics sctp) => new()
    {
        RoundTripTime = sctp.SmoothedRoundTripTime,
        CongestionWindow = sctp.CongestionWindow,
        ReceiverWindow = sctp.ReceiverWindow,
        PacketSize = sctp.Mtu,
        BytesBuffered = sctp.BytesBuffered,
        Retransmissions = sctp.Retransmissions,
        Timeouts = sctp.Timeouts,
    };

    private static TubeChannelStatistics ChannelOf(ReportedConversation conversation, DataChannelStatistics? channel) =>
        new(conversation.Id, conversation.Type, Lower(channel?.State ?? DataChannelState.Closed))
        {
            Protocol = channel?.Protocol ?? "",
            Connections = conversation.Conversation.Connections,
            Messages = channel is null ? default : new(channel.MessagesSent, channel.MessagesReceived, channel.BytesSent, channel.BytesReceived),
        };

    // The names are W3C's, one word each.
    private static string Lower<T>(T state) where T : struct, Enum => state.ToString().ToLowerInvariant();
}
