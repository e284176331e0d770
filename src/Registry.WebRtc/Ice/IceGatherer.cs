using System.Net;
using Registry.WebRtc.Net;
using Registry.WebRtc.Stun;
using Registry.WebRtc.Turn;

namespace Registry.WebRtc.Ice;

/// <summary>
/// Finds the candidates of one connection (RFC 8445 §5.1): those of the machine, those that STUN servers see, and those on relays. It has
/// no socket and no clock; its owner resolves names, opens connections to relays and carries datagrams. After every call that takes the
/// time, drain <see cref="TryWriteDatagram"/> and <see cref="TryReadEvent"/>. This file holds gathering; Relays what relays do after it.
/// </summary>
/// <param name="options">Times and limits.</param>
/// <param name="servers">STUN and TURN servers, each under its index.</param>
/// <param name="random">Source of transaction ids.</param>
internal sealed partial class IceGatherer(IceGatheringOptions options, IReadOnlyList<IceServerUrl> servers, RandomFill random)
{
    private readonly List<IceCandidate> found = [];
    private readonly List<StunQuery> queries = [];
    private readonly List<string> errors = [];
    private readonly HashSet<int> pending = [];
    private readonly Queue<IceGatheringEvent> events = [];
    private TimeSpan deadline = TimeSpan.MaxValue;

    /// <summary>Whether there will be no more candidates.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>What servers did not do, for people.</summary>
    public IReadOnlyList<string> Errors => errors;

    /// <summary>When <see cref="HandleTimeout"/> has to be called; <see cref="TimeSpan.MaxValue"/> for never.</summary>
    public TimeSpan NextTimeout { get; private set; } = TimeSpan.MaxValue;

    /// <summary>Whether the server has still to be reached.</summary>
    public bool IsToBeReached(int server) => pending.Contains(server) && !HasRelayOf(server);

    /// <summary>
    /// Begins, and begins again for an ICE restart. The machine's own candidates are found at once, the servers' when their addresses are told; a relay
    /// that was given stays if its server still has it, and is replaced if not.
    /// </summary>
    /// <param name="now">The time.</param>
    /// <param name="hosts">The machine's addresses at the UDP socket.</param>
    /// <param name="tcpHosts">Its candidates of TCP.</param>
    public void Start(TimeSpan now, IReadOnlyList<IPEndPoint> hosts, IEnumerable<IceCandidate> tcpHosts)
    {
        IsComplete = false;
        found.Clear();
        queries.Clear();
        reconnects = 0;
        deadline = now + options.Timeout;
        for (var server = 0; server < servers.Count; server++)
        {
            if (servers[server].IsTurn || !options.RelayOnly)
                pending.Add(server);
        }
        if (!options.RelayOnly)
        {
            var preference = IceCandidatePriority.MaxLocalPreference;
            foreach (var host in hosts)
                Find(IceCandidatePriority.CreateHost(host.Address, host.Port, preference--));
            foreach (var candidate in tcpHosts)
                Find(candidate);
        }
        ConfirmPresentRelays(now);
        Advance(now);
    }

    /// <summary>Asks a STUN server at its address for this side's.</summary>
    public void AddStunServer(TimeSpan now, int server, TransportAddress address)
    {
        if (IsComplete || !pending.Contains(server))
            return;
        queries.Add(new(address, CreateTransactionId()) { ServerIndex = server });
        Advance(now);
    }

    /// <summary>Nothing can be had from the server.</summary>
    public void ServerFailed(TimeSpan now, int server, string reason)
    {
        Settle(server, reason);
        Advance(now);
    }

    /// <summary>Takes a datagram of the socket if it answers a request of this gatherer.</summary>
    public bool TryHandleDatagram(TimeSpan now, TransportAddress remote, ReadOnlySpan<byte> datagram)
    {
        if (queries.Count == 0 || !StunMessage.TryGetTransactionId(datagram, out var id)
            || queries.Find(q => q.Id == id && q.Server == remote && q.Transmissions > 0) is not { } query)
            return false;
        if (!StunMessage.TryParse(datagram, out var message) || !message.FingerprintFits)
            return true;
        queries.Remove(query);
        if (message.Class == StunClass.SuccessResponse && message.TryGetXorMappedAddress(out var mapped))
        {
            FindReflexive(query.Server, mapped);
            Settle(query.ServerIndex, null);
        }
        else
        {
            Settle(query.ServerIndex, message.TryGetErrorCode(out var code) ? $"answered with error {(int)code}" : "answered without an address");
        }
        Advance(now);
        return true;
    }

    /// <summary>Does what is due: retransmissions, refreshes, the end of gathering.</summary>
    public void HandleTimeout(TimeSpan now)
    {
        foreach (var relay in relays.Values)
        {
            if (relay.Client.NextTimeout <= now)
                relay.Client.HandleTimeout(now);
        }
        Advance(now);
    }

    /// <summary>Takes the next event; call until false.</summary>
    public bool TryReadEvent(out IceGatheringEvent e) => events.TryDequeue(out e);

    private void Advance(TimeSpan now)
    {
        RetransmitQueries(now);
        ApplyRelayEvents();
        if (!IsComplete && (pending.Count == 0 || now >= deadline))
            Complete();
        ComputeNextTimeout();
    }

    private void RetransmitQueries(TimeSpan now)
    {
        for (var i = queries.Count - 1; i >= 0; i--)
        {
            var query = queries[i];
            if (query.IsSendPending || now < query.Deadline)
                continue;
            if (query.Transmissions < options.MaxTransmissions)
            {
                query.SendAgain();
                continue;
            }
            queries.RemoveAt(i);
            Settle(query.ServerIndex, "does not answer");
        }
    }

    /// <summary>A server's last request, or its relay, has come to an end.</summary>
    private void Settle(int server, string? error)
    {
        if (error is not null)
            errors.Add($"{servers[server]} {error}");
        if (!queries.Exists(q => q.ServerIndex == server))
            pending.Remove(server);
    }

    private void Complete()
    {
        foreach (var server in pending)
            errors.Add($"{servers[server]} did not answer within {options.Timeout.TotalSeconds:0.###} s");
        pending.Clear();
        queries.Clear();
        IsComplete = true;
        deadline = TimeSpan.MaxValue;
        CloseUnfinishedRelays();
        events.Enqueue(new(IceGatheringEventKind.Completed));
    }

    private void FindReflexive(TransportAddress server, TransportAddress mapped)
    {
        // The kernel chooses from which address it sends; which of a machine's addresses that was cannot be told.
        var baseCandidate = found.Find(c => c.Type == IceCandidateType.Host && IceCandidatePriority.Leads(c, mapped));
        if (baseCandidate is null || mapped.Port == 0)
            return;
        var related = new IPEndPoint(IPAddress.Parse(baseCandidate.Address), baseCandidate.Port);
        Find(new IceCandidate(
            IceCandidatePriority.Foundation(IceCandidateType.ServerReflexive, related.Address, server.Address), IceCandidatePriority.Component,
            IceCandidatePriority.Compute(IceCandidateType.ServerReflexive, IceCandidatePriority.LocalPreference(baseCandidate.Priority)),
            mapped.Address.ToString(), mapped.Port, IceCandidateType.ServerReflexive) { RelatedAddress = related });
    }

    /// <summary>Reports the candidate, unless it is redundant: one with its address and base is known (RFC 8445 §5.1.3).</summary>
    private void Find(IceCandidate candidate, ushort relay = 0)
    {
        if (IsComplete || (relay == 0 && found.Exists(c => IsSame(c, candidate))))
            return;
        found.Add(candidate);
        events.Enqueue(new(IceGatheringEventKind.CandidateFound, relay) { Candidate = candidate });
    }

    private static bool IsSame(IceCandidate one, IceCandidate other) =>
        one.Type != IceCandidateType.Relay && (one.Protocol, one.TcpType, one.Address, one.Port) == (other.Protocol, other.TcpType, other.Address, other.Port);

    private void ComputeNextTimeout()
    {
        var next = deadline;
        foreach (var query in queries)
        {
            if (!query.IsSendPending && query.Deadline < next)
                next = query.Deadline;
        }
        foreach (var relay in relays.Values)
        {
            if (relay.Client.NextTimeout < next)
                next = relay.Client.NextTimeout;
        }
        NextTimeout = next;
    }

    private StunTransactionId CreateTransactionId()
    {
        Span<byte> bytes = stackalloc byte[StunTransactionId.Length];
        random(bytes);
        return StunTransactionId.Read(bytes);
    }
}
