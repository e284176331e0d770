using System.Net;
using Registry.WebRtc.DataChannels;
using SIPSorcery.Net;

namespace Registry.WebRtc.SipSorcery;

/// <summary>What is known of the connection. SIPSorcery counts no packets and measures no round trips.</summary>
internal sealed partial class SipSorceryPeerConnection
{
    private MessageCounts totals;

    public CandidatePair? SelectedCandidatePair
    {
        get
        {
            if (inner.GetRtpChannel()?.NominatedEntry is not { LocalCandidate: { } near, RemoteCandidate: { } far } || ToCandidate(far) is not { } there)
                return null;
            lock (gate)
                return ToLocalCandidate(near, there) is { } here ? new(here, there) : null;
        }
    }

    public PeerConnectionStatistics GetStatistics() => new()
    {
        BytesSent = Volatile.Read(ref totals.BytesSent),
        BytesReceived = Volatile.Read(ref totals.BytesReceived),
        MessagesSent = Volatile.Read(ref totals.Sent),
        MessagesReceived = Volatile.Read(ref totals.Received),
    };

    public StatsReport GetStatsReport()
    {
        var pair = SelectedCandidatePair;
        lock (gate)
        {
            return new()
            {
                Timestamp = Time.GetUtcNow(),
                DataChannelsOpened = channelsOpened,
                DataChannelsClosed = channelsClosed,
                Transport = DescribeTransport(pair),
                SctpTransport = associated.Task.IsCompletedSuccessfully ? new() { BytesBuffered = released ? 0 : BufferedAmount } : null,
                CandidatePairs = pair is null ? [] : [Describe(pair)],
                LocalCandidates = [.. localCandidates.Select(Describe)],
                RemoteCandidates = pair is null ? [] : [Describe(pair.Remote)],
                DataChannels = [.. channels.Select(channel => channel.GetStatistics())],
            };
        }
    }

    private TransportStatistics DescribeTransport(CandidatePair? pair) => new()
    {
        IceRole = local?.Type == SdpType.Offer ? IceRole.Controlling : IceRole.Controlled,
        IceState = iceState,
        IceLocalUsernameFragment = local?.Credentials.UsernameFragment ?? "",
        SelectedCandidatePairId = pair is null ? null : IdOf(pair),
        SelectedCandidatePairChanges = pair is null ? 0 : 1,
        DtlsState = wasConnected ? DtlsTransportState.Connected : iceState == IceConnectionState.Connected ? DtlsTransportState.Connecting : DtlsTransportState.New,
        DtlsRole = inner.IceRole switch { IceRolesEnum.active => DtlsRole.Client, IceRolesEnum.passive => DtlsRole.Server, _ => null },
        LocalFingerprint = local?.Fingerprints[0].ToString() ?? "",
        RemoteFingerprint = wasConnected ? remote?.Fingerprints[0].ToString() : null,
    };

    private static CandidatePairStatistics Describe(CandidatePair pair) => new()
    {
        Id = IdOf(pair),
        LocalCandidateId = IdOf(pair.Local),
        RemoteCandidateId = IdOf(pair.Remote),
        State = IcePairState.Succeeded,
        Nominated = true,
    };

    private static IceCandidateStatistics Describe(IceCandidate candidate) => new(IdOf(candidate), candidate);

    private static string IdOf(CandidatePair pair) => $"{IdOf(pair.Local)}-{IdOf(pair.Remote)}";

    private static string IdOf(IceCandidate candidate) => $"{candidate.Type}:{candidate.Address}:{candidate.Port}";

    /// <summary>SIPSorcery has one entry for all addresses of the machine; shown is the offered one of the peer's family.</summary>
    private IceCandidate? ToLocalCandidate(RTCIceCandidate near, IceCandidate there) => near.type != RTCIceCandidateType.host
        ? ToCandidate(near)
        : localCandidates.Find(candidate => candidate.Type == IceCandidateType.Host && IsIPv4(candidate) == IsIPv4(there)) ?? ToCandidate(near);

    private static bool IsIPv4(IceCandidate candidate) => !candidate.Address.Contains(':', StringComparison.Ordinal);

    private static IceCandidate? ToCandidate(RTCIceCandidate candidate)
    {
        if (!IceCandidate.TryParse($"candidate:{candidate}", out var parsed, out _))
            return null;
        // What was resolved is what is used.
        return candidate.DestinationEndPoint is { } point ? parsed with { Address = Plain(point.Address).ToString(), Port = point.Port } : parsed;
    }

    private static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
}
