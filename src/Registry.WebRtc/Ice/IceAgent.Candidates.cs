using System.Net;
using System.Net.Sockets;
using Registry.WebRtc.Net;

namespace Registry.WebRtc.Ice;

// Candidates and the pairs they make: RFC 8445 §6.1.2, for TCP RFC 6544 §5.
internal sealed partial class IceAgent
{
    /// <summary>
    /// Adds a candidate of this side. One of the node's socket counts for the report, for priorities, and so that pairs of its address
    /// family are checked; one on a relay, whose number addresses reached through it carry, is paired with every remote candidate.
    /// </summary>
    public void AddLocalCandidate(IceCandidate candidate, ushort relay = 0)
    {
        localCandidates.Add(candidate);
        if (relay != 0)
        {
            relays[relay] = candidate;
            foreach (var (address, remote) in remoteCandidates)
                Pair(address with { Relay = relay }, remote);
            nextTimeout = TimeSpan.Zero;
            PublishReport();
            return;
        }
        ComputePriorities();
        PublishReport();
        foreach (var pair in checkList)
        {
            // The peer's address family was without a partner until now.
            if (pair.State == IcePairState.Frozen && selected is null && HasLocalFamilyOf(pair.Remote))
            {
                pair.Enqueue(triggered: false);
                nextTimeout = TimeSpan.Zero;
            }
        }
    }

    /// <summary>
    /// Adds a candidate of the peer. Ignored are those this agent cannot use: TCP where it does not connect, other components, names without an address, addresses that no
    /// host can have or that need a zone, candidates of another user fragment, and what exceeds the limit.
    /// </summary>
    /// <param name="now">The time.</param>
    /// <param name="candidate">The candidate as signalled.</param>
    /// <param name="resolved">The address of a candidate that has a name in its place.</param>
    public void AddRemoteCandidate(TimeSpan now, IceCandidate candidate, IPAddress? resolved = null)
    {
        if (IsOver || remoteCandidates.Count >= options.MaxRemoteCandidates || !TryGetAddress(candidate, resolved, out var address))
            return;
        if (remoteUsernameFragment is { } ufrag && candidate.UsernameFragment is { } named && named != ufrag)
            return;
        remoteCandidates.Add((address, candidate));
        reportIsOld = true;
        if (!options.RelayOnly)
            Pair(address, candidate);
        foreach (var relay in relays.Keys)
            Pair(address with { Relay = relay }, candidate);
        Advance(now);
    }

    private void Pair(TransportAddress address, IceCandidate candidate)
    {
        if (checkList.Find(address) is { } known)
        {
            if (known.RemoteCandidate.Type == IceCandidateType.PeerReflexive)
            {
                known.RemoteCandidate = candidate;
                known.Priority = PairPriority(known);
            }
        }
        else if ((address.Relay == 0 || HasLocalFamilyOf(address))
            && AddPair(new IcePair(address, candidate)) is { } added && HasLocalFamilyOf(address) && selected is not { IsNominated: true })
        {
            added.Enqueue(triggered: false);
        }
    }

    /// <summary>Whether this agent can check a candidate of such a kind, once it has an address.</summary>
    public bool CanUse(IceCandidate candidate) =>
        candidate.Component == IceCandidatePriority.Component && candidate.Port != 0
        && (candidate.Protocol == "udp" || (options.ConnectsOverTcp && candidate.TcpType == IceCandidatePriority.Passive));

    /// <summary>Whether the peer said that it listens for TCP at the address.</summary>
    public bool CanConnectTo(TransportAddress remote) => remote.IsTcp && checkList.Find(remote)?.RemoteCandidate.TcpType == IceCandidatePriority.Passive;

    private IcePair? AddPair(IcePair pair)
    {
        pair.Priority = PairPriority(pair);
        pair.Number = ++pairsMade;
        reportIsOld = true;
        if (!checkList.TryAdd(pair, keep: selected, out var removed))
            return null;
        if (removed is { IsLearned: true })
            events.Enqueue(new IceEvent(IceEventKind.RemoteAddressForgotten, State, removed.Remote));
        return pair;
    }

    private void ComputePriorities()
    {
        foreach (var pair in checkList)
            pair.Priority = PairPriority(pair);
    }

    private ulong PairPriority(IcePair pair)
    {
        var local = BestLocalFor(pair.Remote)?.Priority
            ?? IceCandidatePriority.Compute(IceCandidateType.Host, IceCandidatePriority.MaxLocalPreference);
        var remote = pair.RemoteCandidate.Priority;
        return Role == IceRole.Controlling
            ? IceCandidatePriority.ComputePair(local, remote)
            : IceCandidatePriority.ComputePair(remote, local);
    }

    private IceCandidate? BestLocalFor(TransportAddress remote)
    {
        if (remote.Relay != 0)
            return relays.GetValueOrDefault(remote.Relay) is { } relayed && IceCandidatePriority.Leads(relayed, remote) ? relayed : null;
        IceCandidate? best = null;
        foreach (var candidate in localCandidates)
        {
            if (candidate.Type != IceCandidateType.Relay && IceCandidatePriority.Leads(candidate, remote) && (best is null || candidate.Priority > best.Priority))
                best = candidate;
        }
        return best;
    }

    private bool HasLocalFamilyOf(TransportAddress remote) => (localCandidates.Count == 0 && remote.Relay == 0) || BestLocalFor(remote) is not null;

    private IceCandidate LocalCandidateOf(IcePair pair)
    {
        var best = BestLocalFor(pair.Remote);
        if (pair.MappedAddress is not { } mapped || pair.Remote.Relay != 0)
            return best ?? UnknownLocal(pair);
        var address = mapped.Address.ToString();
        return localCandidates.Find(c => c.Address == address && c.Port == mapped.Port && IceCandidatePriority.Leads(c, pair.Remote))
            ?? PeerReflexive(mapped with { IsTcp = pair.Remote.IsTcp }, CheckPriority(pair.Remote), best?.TcpType);
    }

    /// <summary>A pair can be valid before any local candidate was added; its report then names the unspecified address.</summary>
    private static IceCandidate UnknownLocal(IcePair pair) =>
        IceCandidatePriority.CreateHost(pair.Remote.IsIPv4 ? IPAddress.Any : IPAddress.IPv6Any, 0, IceCandidatePriority.MaxLocalPreference);

    /// <summary>The PRIORITY of this side's checks: what a peer-reflexive candidate found by them would have (RFC 8445 §7.1.1).</summary>
    private uint CheckPriority(TransportAddress remote)
    {
        var local = BestLocalFor(remote);
        var preference = local is null ? IceCandidatePriority.MaxLocalPreference : IceCandidatePriority.LocalPreference(local.Priority);
        return remote.IsTcp
            ? IceCandidatePriority.ComputeTcp(IceCandidateType.PeerReflexive, IceCandidatePriority.TcpLocalPreference(IceCandidateType.PeerReflexive, local?.TcpType ?? "", preference))
            : IceCandidatePriority.Compute(IceCandidateType.PeerReflexive, preference);
    }

    /// <summary>An address that only a check has told of.</summary>
    private static IceCandidate PeerReflexive(TransportAddress address, uint priority, string? tcpType) => new(
        IceCandidatePriority.Foundation(IceCandidateType.PeerReflexive, address.Address, address.IsTcp ? "tcp" : null), IceCandidatePriority.Component, priority,
        address.Address.ToString(), address.Port, IceCandidateType.PeerReflexive)
    {
        Protocol = address.IsTcp ? "tcp" : "udp",
        TcpType = address.IsTcp ? tcpType : null,
    };

    private bool TryGetAddress(IceCandidate candidate, IPAddress? resolved, out TransportAddress address)
    {
        address = default;
        var ip = resolved;
        if (!CanUse(candidate) || (ip is null && !IPAddress.TryParse(candidate.Address, out ip)))
            return false;
        if (ip.IsIPv4MappedToIPv6)
            ip = ip.MapToIPv4();
        var isUsable = ip.AddressFamily == AddressFamily.InterNetwork
            ? ip.GetAddressBytes()[0] is > 0 and < 224
            : !(ip.IsIPv6Multicast || ip.IsIPv6LinkLocal || ip.Equals(IPAddress.IPv6Any));
        address = TransportAddress.From(ip, candidate.Port) with { IsTcp = candidate.Protocol == "tcp" };
        return isUsable;
    }
}
