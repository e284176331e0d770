using Registry.WebRtc.Net;
using Registry.WebRtc.Stun;

namespace Registry.WebRtc.Ice;

/// <summary>
/// A pair of the check list. The node has one socket, so the remote address, with the number of the relay it is reached through,
/// identifies it; which local address is used is the kernel's choice.
/// </summary>
internal sealed class IcePair(TransportAddress remote, IceCandidate remoteCandidate)
{
    public TransportAddress Remote { get; } = remote;

    /// <summary>The candidate as signalled, or a peer-reflexive one until it is (RFC 8445 §7.3.1.3).</summary>
    public IceCandidate RemoteCandidate { get; set; } = remoteCandidate;

    public ulong Priority { get; set; }

    /// <summary>Tells the pairs of an agent apart, also after one has gone.</summary>
    public int Number { get; set; }

    public IcePairState State { get; set; } = IcePairState.Frozen;

    /// <summary>Whether the pair goes before all that were not caused by the peer's own check (RFC 8445 §7.3.1.4).</summary>
    public bool IsTriggered { get; set; }

    /// <summary>Whether a check was answered, so that data may flow (RFC 8445 §12.1).</summary>
    public bool IsValid { get; set; }

    public bool IsNominated { get; set; }

    /// <summary>When the nomination was last made or repeated.</summary>
    public TimeSpan NominatedAt { get; set; }

    /// <summary>Whether the controlling peer nominated the pair before this side's check was answered (RFC 8445 §7.3.1.5).</summary>
    public bool NominateWhenValid { get; set; }

    /// <summary>Whether the owner was told of the address.</summary>
    public bool IsLearned { get; set; }

    /// <summary>When the peer last answered.</summary>
    public TimeSpan LastAnswer { get; set; }

    /// <summary>Time from the last check to its answer, or null before one could be measured.</summary>
    public TimeSpan? RoundTripTime => Counters.CurrentRoundTripTime;

    /// <summary>What the statistics say of the pair.</summary>
    public IcePairCounters Counters { get; } = new();

    /// <summary>This side's address as the peer saw it.</summary>
    public TransportAddress? MappedAddress { get; set; }

    /// <summary>Answers 487 to this pair's checks.</summary>
    public int RoleConflicts { get; set; }

    // The check in progress or last made: one transaction with its retransmissions.
    public StunTransactionId TransactionId { get; private set; }
    public bool UsesCandidate { get; private set; }
    public IceRole CheckRole { get; private set; }
    public int Transmissions { get; set; }
    public bool IsSendPending { get; set; }
    public TimeSpan SentAt { get; set; }

    /// <summary>When to send again or give up; counts only while <see cref="IsSendPending"/> is false.</summary>
    public TimeSpan Deadline { get; set; }

    public bool IsActive => State is IcePairState.Waiting or IcePairState.InProgress;

    public void BeginCheck(StunTransactionId transactionId, IceRole role, bool useCandidate)
    {
        TransactionId = transactionId;
        CheckRole = role;
        UsesCandidate = useCandidate;
        Transmissions = 0;
        IsSendPending = true;
        IsTriggered = false;
        State = IcePairState.InProgress;
    }

    /// <summary>Ends checking in the given state; a late answer to the last check still counts.</summary>
    public void EndCheck(IcePairState state)
    {
        State = state;
        IsSendPending = false;
        IsTriggered = false;
    }

    /// <summary>Plans a check, unless one is under way.</summary>
    public void Enqueue(bool triggered)
    {
        if (State != IcePairState.InProgress)
            State = IcePairState.Waiting;
        IsTriggered |= triggered;
    }
}
