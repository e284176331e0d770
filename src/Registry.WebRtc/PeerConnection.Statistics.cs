using Registry.WebRtc.DataChannels;
using Registry.WebRtc.Dtls;
using Registry.WebRtc.Ice;

namespace Registry.WebRtc;

/// <summary>
/// Statistics. Counters are plain fields that are written under the lock and read without it; what has a structure is published whole, and the
/// list of channels, which changes seldom, has a lock of its own. So a reader never waits for the data path, nor that for a reader.
/// </summary>
internal sealed partial class PeerConnection
{
    // The only version that is offered.
    private const string Dtls12 = "FEFD";

    private readonly Lock reportGate = new();
    private readonly List<DataChannel> reportedChannels = [];
    private IcePairCounters pathCounters = new();
    private long packetsSent;
    private long packetsReceived;
    private long bytesSent;
    private long bytesReceived;
    private long pairChanges;
    private long iceRestarts;
    private long dataChannelsOpened;
    private long dataChannelsClosed;
    private long roundTripTicks;

    public PeerConnectionStatistics GetStatistics()
    {
        var sctp = association?.Statistics ?? default;
        var messages = association?.Messages ?? default;
        return new()
        {
            PacketsSent = Volatile.Read(ref packetsSent),
            PacketsReceived = Volatile.Read(ref packetsReceived),
            BytesSent = messages.BytesSent,
            BytesReceived = messages.BytesReceived,
            MessagesSent = messages.Sent,
            MessagesReceived = messages.Received,
            Retransmissions = sctp.Retransmissions,
            RoundTripTime = Volatile.Read(ref roundTripTicks) is > 0 and var ticks ? new TimeSpan(ticks) : null,
            CongestionWindow = sctp.CongestionWindow,
            PeerReceiveWindow = sctp.PeerReceiveWindow,
        };
    }

    public StatsReport GetStatsReport()
    {
        var agent = ice;
        (string Ufrag, IceReport Report)[] sessions = replacedIce is { } replaced && replaced != agent
            ? [(agent.LocalCredentials.UsernameFragment, agent.Report), (replaced.LocalCredentials.UsernameFragment, replaced.Report)]
            : [(agent.LocalCredentials.UsernameFragment, agent.Report)];
        var selected = sessions.FirstOrDefault(session => session.Report.Selected is not null);
        return new()
        {
            Timestamp = factory.Time.GetUtcNow(),
            DataChannelsOpened = Volatile.Read(ref dataChannelsOpened),
            DataChannelsClosed = Volatile.Read(ref dataChannelsClosed),
            Transport = DescribeTransport(agent) with
            {
                SelectedCandidatePairId = selected.Report?.Selected is { } pair ? PairId(selected.Ufrag, pair) : null,
            },
            SctpTransport = association is { } sctp ? DescribeSctp(sctp) : null,
            CandidatePairs = [.. sessions.SelectMany(session => session.Report.Pairs.Select(pair => Describe(session.Ufrag, pair)))],
            LocalCandidates = Describe("local", sessions.SelectMany(s => s.Report.LocalCandidates.Concat(s.Report.Pairs.Select(pair => pair.Local)))),
            RemoteCandidates = Describe("remote", sessions.SelectMany(s => s.Report.RemoteCandidates.Concat(s.Report.Pairs.Select(pair => pair.Remote)))),
            DataChannels = DescribeChannels(),
        };
    }

    private TransportStatistics DescribeTransport(IceAgent agent)
    {
        var agreement = dtls?.Agreement;
        return new()
        {
            PacketsSent = Volatile.Read(ref packetsSent),
            PacketsReceived = Volatile.Read(ref packetsReceived),
            BytesSent = Volatile.Read(ref bytesSent),
            BytesReceived = Volatile.Read(ref bytesReceived),
            IceRole = agent.Role,
            IceState = iceState,
            IceLocalUsernameFragment = agent.LocalCredentials.UsernameFragment,
            IceRestarts = Volatile.Read(ref iceRestarts),
            SelectedCandidatePairChanges = Volatile.Read(ref pairChanges),
            DtlsState = DescribeDtls(),
            DtlsRole = dtls?.Role,
            TlsVersion = agreement is null ? null : Dtls12,
            DtlsCipher = agreement?.CipherSuite,
            LocalFingerprint = certificate.Fingerprint.ToString(),
            RemoteFingerprint = agreement?.RemoteFingerprint.ToString(),
        };
    }

    private DtlsTransportState DescribeDtls() => dtls?.State switch
    {
        null or DtlsSessionState.New => DtlsTransportState.New,
        DtlsSessionState.Handshaking => DtlsTransportState.Connecting,
        DtlsSessionState.Completed or DtlsSessionState.Established => DtlsTransportState.Connected,
        _ => Failure is { Kind: PeerConnectionFailureKind.DtlsFailed or PeerConnectionFailureKind.FingerprintMismatch }
            ? DtlsTransportState.Failed
            : DtlsTransportState.Closed,
    };

    private static SctpTransportStatistics DescribeSctp(DataChannelAssociation association)
    {
        var sctp = association.Statistics;
        return new()
        {
            SmoothedRoundTripTime = sctp.RoundTripTime,
            CongestionWindow = sctp.CongestionWindow,
            ReceiverWindow = sctp.PeerReceiveWindow,
            Mtu = sctp.PacketSize,
            UnackData = sctp.UnacknowledgedChunks,
            BytesBuffered = sctp.SendBufferUsed,
            PacketsSent = sctp.PacketsSent,
            PacketsReceived = sctp.PacketsReceived,
            PacketsDiscarded = sctp.PacketsDiscarded,
            Retransmissions = sctp.Retransmissions,
            Timeouts = sctp.Timeouts,
            MessagesAbandoned = sctp.MessagesAbandoned,
        };
    }

    private static CandidatePairStatistics Describe(string usernameFragment, IceReportedPair reported)
    {
        var pair = reported.Pair;
        var counters = pair.Counters;
        return new()
        {
            Id = PairId(usernameFragment, pair),
            LocalCandidateId = CandidateId("local", reported.Local),
            RemoteCandidateId = CandidateId("remote", reported.Remote),
            State = pair.State,
            Nominated = pair.IsNominated,
            PacketsSent = Volatile.Read(ref counters.PacketsSent),
            PacketsReceived = Volatile.Read(ref counters.PacketsReceived),
            BytesSent = Volatile.Read(ref counters.BytesSent),
            BytesReceived = Volatile.Read(ref counters.BytesReceived),
            CurrentRoundTripTime = counters.CurrentRoundTripTime,
            TotalRoundTripTime = counters.TotalRoundTripTime,
            RequestsSent = Volatile.Read(ref counters.RequestsSent),
            RequestsReceived = Volatile.Read(ref counters.RequestsReceived),
            ResponsesSent = Volatile.Read(ref counters.ResponsesSent),
            ResponsesReceived = Volatile.Read(ref counters.ResponsesReceived),
            ConsentRequestsSent = Volatile.Read(ref counters.ConsentRequestsSent),
        };
    }

    private static List<IceCandidateStatistics> Describe(string side, IEnumerable<IceCandidate> candidates) =>
        [.. candidates.Select(candidate => new IceCandidateStatistics(CandidateId(side, candidate), candidate)).DistinctBy(candidate => candidate.Id)];

    private static string PairId(string usernameFragment, IcePair pair) => $"pair:{usernameFragment}:{pair.Number}";

    private static string CandidateId(string side, IceCandidate candidate) =>
        $"{side}:{candidate.Type}:{candidate.Protocol}:{candidate.Address}:{candidate.Port}";

    private List<DataChannelStatistics> DescribeChannels()
    {
        DataChannel[] reported;
        lock (reportGate)
            reported = [.. reportedChannels];
        return [.. reported.Select(channel => channel.GetStatistics())];
    }

    private void AddToReport(DataChannel channel)
    {
        lock (reportGate)
            reportedChannels.Add(channel);
    }

    private void RemoveFromReport(DataChannel channel)
    {
        lock (reportGate)
            reportedChannels.Remove(channel);
    }

    /// <summary>Counts for the pair that was selected last.</summary>
    private void FollowSelectedPair()
    {
        roundTripTicks = (ice.RoundTripTime ?? replacedIce?.RoundTripTime)?.Ticks ?? 0;
        if ((ice.SelectedCounters ?? replacedIce?.SelectedCounters) is not { } selected || selected == pathCounters)
            return;
        pathCounters = selected;
        pairChanges++;
    }

    private void CountSent(int bytes)
    {
        packetsSent++;
        bytesSent += bytes;
    }

    /// <summary>Counts a datagram of DTLS, which only the selected pair carries.</summary>
    private void CountRecordSent(int bytes)
    {
        CountSent(bytes);
        pathCounters.PacketsSent++;
        pathCounters.BytesSent += bytes;
    }

    private void CountReceived(int bytes)
    {
        packetsReceived++;
        bytesReceived += bytes;
    }

    private void CountRecordReceived(int bytes)
    {
        pathCounters.PacketsReceived++;
        pathCounters.BytesReceived += bytes;
    }
}
