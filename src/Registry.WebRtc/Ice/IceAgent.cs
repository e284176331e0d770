using System.Net;
using System.Net.Sockets;
using System.Text;
using Registry.WebRtc.Net;
using Registry.WebRtc.Stun;

namespace Registry.WebRtc.Ice;

/// <summary>
/// A full ICE agent for one component (RFC 8445) with trickle (RFC 8838) and consent (RFC 7675). It has no socket and no
/// clock: datagrams and the time come in, datagrams, events and the next deadline go out. After every call that takes the
/// time, drain <see cref="TryWriteDatagram"/> and <see cref="TryReadEvent"/>.
/// </summary>
/// <remarks>
/// Pairs are not frozen by foundation as RFC 8445 §6.1.2.6 has it: with one component that would only delay checks.
/// </remarks>
internal sealed partial class IceAgent
{
    private readonly IceOptions options;
    private readonly RandomFill random;
    private readonly ulong tieBreaker;
    private readonly byte[] localPassword;
    private readonly byte[] localUsernamePrefix;
    private readonly IceCheckList checkList;
    private readonly IceConsent consent;
    private readonly List<IceCandidate> localCandidates = [];
    private readonly List<EarlyCheck> earlyChecks = [];
    private readonly Queue<IceEvent> events = [];

    private string? remoteUsernameFragment;
    private byte[] remotePassword = [];
    private byte[] outgoingUsername = [];
    private byte[] incomingUsername = [];
    private readonly List<(TransportAddress Address, IceCandidate Candidate)> remoteCandidates = [];
    private readonly Dictionary<ushort, IceCandidate> relays = [];
    private bool remoteCandidatesEnded;

    private volatile IceReport report = IceReport.Empty;
    private bool reportIsOld;
    private int pairsMade;

    private IcePair? selected;
    private IcePair? nominating;
    private TimeSpan firstValidAt = TimeSpan.MaxValue;
    private TimeSpan connectDeadline = TimeSpan.MaxValue;
    private TimeSpan? idleSince;
    private TimeSpan nextTimeout = TimeSpan.MaxValue;

    /// <param name="options">Times and limits.</param>
    /// <param name="local">This side's credentials, as its description carries them.</param>
    /// <param name="tieBreaker">Random number that decides role conflicts (RFC 8445 §5.2).</param>
    /// <param name="random">Source of transaction ids and jitter.</param>
    public IceAgent(IceOptions options, IceCredentials local, ulong tieBreaker, RandomFill random)
    {
        this.options = options;
        this.tieBreaker = tieBreaker;
        this.random = random;
        LocalCredentials = local;
        localPassword = Encoding.UTF8.GetBytes(local.Password);
        localUsernamePrefix = Encoding.UTF8.GetBytes(local.UsernameFragment + ":");
        checkList = new IceCheckList(options.MaxPairs);
        consent = new IceConsent(options, random);
    }

    /// <summary>Set from the offer/answer exchange before checks start (the offerer controls); a role conflict changes it.</summary>
    public IceRole Role
    {
        get;
        set
        {
            if (field == value)
                return;
            field = value;
            nominating = null;
            ComputePriorities();
        }
    }

    public IceConnectionState State { get; private set; } = IceConnectionState.New;

    /// <summary>Why <see cref="State"/> is <see cref="IceConnectionState.Failed"/>, or null.</summary>
    public PeerConnectionFailure? Failure { get; private set; }

    public IceCredentials LocalCredentials { get; }

    public IReadOnlyList<IceCandidate> LocalCandidates => localCandidates;

    /// <summary>Whether the pair of <see cref="SelectedRemote"/> is settled between both sides.</summary>
    public bool IsNominated => selected is { IsNominated: true };

    /// <summary>Where to send data: the nominated pair, before that the best valid one; null while there is none (RFC 8445 §12.1).</summary>
    public TransportAddress? SelectedRemote => selected?.Remote;

    /// <summary>The pair of <see cref="SelectedRemote"/>; its local side is the best guess on a socket bound to every address.</summary>
    public CandidatePair? SelectedPair => selected is null ? null : new CandidatePair(LocalCandidateOf(selected), selected.RemoteCandidate);

    /// <summary>Round-trip time of the selected pair by its last check, or null before it was measured.</summary>
    public TimeSpan? RoundTripTime => selected?.RoundTripTime;

    /// <summary>The pair of <see cref="SelectedRemote"/>, for its counters.</summary>
    public IcePairCounters? SelectedCounters => selected?.Counters;

    /// <summary>Candidates and pairs for the statistics; any thread may read it.</summary>
    public IceReport Report => report;

    /// <summary>When <see cref="HandleTimeout"/> has to be called; <see cref="TimeSpan.MaxValue"/> for never.</summary>
    public TimeSpan NextTimeout => nextTimeout;

    private bool IsOver => State is IceConnectionState.Failed or IceConnectionState.Closed;

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

    /// <summary>Takes the peer's credentials and starts checking; checks that came earlier are caught up on. Later calls are ignored.</summary>
    public void SetRemoteCredentials(TimeSpan now, string ufrag, string password, bool isLite)
    {
        if (IsOver || remoteUsernameFragment is not null)
            return;
        remoteUsernameFragment = ufrag;
        remotePassword = Encoding.UTF8.GetBytes(password);
        outgoingUsername = Encoding.UTF8.GetBytes($"{ufrag}:{LocalCredentials.UsernameFragment}");
        incomingUsername = Encoding.UTF8.GetBytes($"{LocalCredentials.UsernameFragment}:{ufrag}");
        connectDeadline = now + options.ConnectTimeout;
        if (isLite)
            Role = IceRole.Controlling;   // RFC 8445 §6.1.1

        foreach (var early in earlyChecks)
        {
            if (early.RemoteUsernameFragment == ufrag)
                OnCheckFrom(now, early.Remote, early.Priority, early.UseCandidate);
            else
                events.Enqueue(new IceEvent(IceEventKind.RemoteAddressForgotten, State, early.Remote));
        }
        earlyChecks.Clear();
        Advance(now);
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

    /// <summary>Whether something authenticated came from the address.</summary>
    public bool HasLearned(TransportAddress remote) => checkList.Find(remote) is { IsLearned: true } || IndexOfEarlyCheck(remote) >= 0;

    /// <summary>Whether the peer said that it listens for TCP at the address.</summary>
    public bool CanConnectTo(TransportAddress remote) => remote.IsTcp && checkList.Find(remote)?.RemoteCandidate.TcpType == IceCandidatePriority.Passive;

    /// <summary>The peer has no more candidates (RFC 8838 §14); checking can now fail before its time is over.</summary>
    public void EndOfRemoteCandidates(TimeSpan now)
    {
        remoteCandidatesEnded = true;
        Advance(now);
    }

    /// <summary>Does what is due: retransmissions, paced checks, nomination, consent, state.</summary>
    public void HandleTimeout(TimeSpan now) => Advance(now);

    /// <summary>Takes the next event; call until false.</summary>
    public bool TryReadEvent(out IceEvent e) => events.TryDequeue(out e);

    /// <summary>Ends the session: nothing is sent or answered any more.</summary>
    public void Close()
    {
        if (State == IceConnectionState.Closed)
            return;
        StopSending();
        SetState(IceConnectionState.Closed);
    }

    private void Advance(TimeSpan now)
    {
        if (IsOver)
            return;
        RetransmitChecks(now);
        if (remoteUsernameFragment is not null)
        {
            CheckConsent(now);
            StartChecks(now);
            NominateBest(now);
        }
        UpdateState(now);
        ComputeNextTimeout(now);
        if (reportIsOld)
            PublishReport();
    }

    private void PublishReport()
    {
        reportIsOld = false;
        var pairs = new List<IceReportedPair>(checkList.Count);
        foreach (var pair in checkList)
            pairs.Add(new(pair, LocalCandidateOf(pair), pair.RemoteCandidate));
        report = new([.. localCandidates], [.. remoteCandidates.Select(remote => remote.Candidate)], pairs, selected);
    }

    private void UpdateState(TimeSpan now)
    {
        if (selected is null)
            UpdateCheckingState(now);
        else if (now >= consent.FailedAt(selected.LastAnswer))
            Fail(PeerConnectionFailureKind.ConsentExpired,
                $"{selected.Remote} has not answered consent checks for {(now - selected.LastAnswer).TotalSeconds:F0} s");
        else if (now >= consent.DisconnectedAt(selected.LastAnswer))
            SetState(IceConnectionState.Disconnected);
        else
            SetState(selected.IsNominated && remoteCandidatesEnded ? IceConnectionState.Completed : IceConnectionState.Connected);
    }

    private void UpdateCheckingState(TimeSpan now)
    {
        if (remoteUsernameFragment is null)
            return;
        SetState(IceConnectionState.Checking);
        if (checkList.CountActive() > 0 || !remoteCandidatesEnded)
            idleSince = null;
        else
            idleSince ??= now;

        if (now >= connectDeadline)
            Fail(PeerConnectionFailureKind.IceFailed,
                $"no candidate pair answered within {options.ConnectTimeout.TotalSeconds:F0} s ({Attempts})");
        else if (idleSince is { } since && now >= since + options.PeerReflexiveGrace)
            Fail(PeerConnectionFailureKind.IceFailed, $"every candidate pair failed and the peer has no more candidates ({Attempts})");
    }

    private string Attempts => $"{localCandidates.Count} local and {remoteCandidates.Count} remote candidates, {checkList.Count} pairs";

    private void Fail(PeerConnectionFailureKind kind, string message)
    {
        Failure = new PeerConnectionFailure(kind, message);
        StopSending();
        SetState(IceConnectionState.Failed);
    }

    /// <summary>Without consent nothing may be sent (RFC 7675 §5.1).</summary>
    private void StopSending()
    {
        selected = null;
        nominating = null;
        responses.Clear();
        earlyChecks.Clear();
        hasOutput = false;
        nextTimeout = TimeSpan.MaxValue;
    }

    private void SetState(IceConnectionState state)
    {
        if (State == state)
            return;
        State = state;
        events.Enqueue(new IceEvent(IceEventKind.StateChanged, state, default));
    }

    private void ComputeNextTimeout(TimeSpan now)
    {
        if (IsOver)
            return;
        var next = TimeSpan.MaxValue;
        foreach (var pair in checkList)
        {
            if (pair.State == IcePairState.InProgress && !pair.IsSendPending)
                next = Earlier(next, pair.Deadline);
            else if (pair.State == IcePairState.Waiting && remoteUsernameFragment is not null)
                next = Earlier(next, PacingOpensAt);
        }
        if (selected is null)
        {
            next = Earlier(next, connectDeadline);
            if (idleSince is { } since)
                next = Earlier(next, since + options.PeerReflexiveGrace);
        }
        else
        {
            if (!consent.IsSendPending)
                next = Earlier(next, consent.NextCheck);
            if (State != IceConnectionState.Disconnected)
                next = Earlier(next, consent.DisconnectedAt(selected.LastAnswer));
            next = Earlier(next, consent.FailedAt(selected.LastAnswer));
            if (NominationDue is var due && due > now)
                next = Earlier(next, due);
        }
        nextTimeout = next;
    }

    private static TimeSpan Earlier(TimeSpan a, TimeSpan b) => a < b ? a : b;

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

    /// <summary>Whether this agent can check a candidate of such a kind, once it has an address.</summary>
    public bool CanUse(IceCandidate candidate) =>
        candidate.Component == IceCandidatePriority.Component && candidate.Port != 0
        && (candidate.Protocol == "udp" || (options.ConnectsOverTcp && candidate.TcpType == IceCandidatePriority.Passive));

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

    private StunTransactionId CreateTransactionId()
    {
        Span<byte> bytes = stackalloc byte[StunTransactionId.Length];
        random(bytes);
        return StunTransactionId.Read(bytes);
    }
}
