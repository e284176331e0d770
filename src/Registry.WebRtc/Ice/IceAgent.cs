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

    /// <summary>Whether something authenticated came from the address.</summary>
    public bool HasLearned(TransportAddress remote) => checkList.Find(remote) is { IsLearned: true } || IndexOfEarlyCheck(remote) >= 0;

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
                $"{selected.Remote} has not answered for {(now - selected.LastAnswer).TotalSeconds:F0} s");
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
        consent.Stop();
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

    private StunTransactionId CreateTransactionId()
    {
        Span<byte> bytes = stackalloc byte[StunTransactionId.Length];
        random(bytes);
        return StunTransactionId.Read(bytes);
    }
}
