using Registry.WebRtc.Net;
using Registry.WebRtc.Stun;

namespace Registry.WebRtc.Turn;

/// <summary>
/// One allocation on a TURN server (RFC 8656) over one connection to it. It has no socket and no clock: messages and the time come in,
/// messages, events and the next deadline go out. After every call that takes the time, drain <see cref="TryWriteMessage"/> and
/// <see cref="TryReadEvent"/>. This file holds the allocation's life; Requests the transactions, Peers the permissions and packets.
/// </summary>
/// <param name="options">Times and limits.</param>
/// <param name="credentials">For the long-term mechanism.</param>
/// <param name="isStream">Whether the connection is TCP or TLS: nothing is sent twice, and ChannelData is padded.</param>
/// <param name="random">Source of transaction ids.</param>
internal sealed partial class TurnClient(TurnOptions options, TurnCredentials credentials, bool isStream, RandomFill random)
{
    private static readonly TimeSpan RefreshMargin = TimeSpan.FromMinutes(1);

    // A server that gives less would have its allocation refreshed all the time.
    private static readonly TimeSpan LeastLifetime = TimeSpan.FromSeconds(4);

    private readonly Queue<TurnEvent> events = [];
    private TurnCredentials credentials = credentials;
    private TurnCredentials? previousCredentials;
    private bool isBeingConfirmed;
    private TimeSpan refreshAt = TimeSpan.MaxValue;
    private TimeSpan expiresAt = TimeSpan.MaxValue;
    private TimeSpan askForCredentialsAt = TimeSpan.MaxValue;
    private TimeSpan nextTimeout = TimeSpan.MaxValue;

    public TurnState State { get; private set; }

    /// <summary>Why there is no allocation, or null.</summary>
    public TurnFailure? Failure { get; private set; }

    /// <summary>The address on the server; default before there is one.</summary>
    public TransportAddress Relayed { get; private set; }

    /// <summary>This side's address as the server sees it; default before that is known.</summary>
    public TransportAddress Mapped { get; private set; }

    /// <summary>When <see cref="HandleTimeout"/> has to be called; <see cref="TimeSpan.MaxValue"/> for never.</summary>
    public TimeSpan NextTimeout => nextTimeout;

    /// <summary>Asks for a relayed address (RFC 8656 §7.1).</summary>
    public void Allocate(TimeSpan now)
    {
        if (State != TurnState.New)
            return;
        State = TurnState.Allocating;
        Begin(new(StunMethod.Allocate, CreateTransactionId()) { Lifetime = (uint)options.Lifetime.TotalSeconds });
        PlanCredentials(now);
        ComputeNextTimeout();
    }

    /// <summary>
    /// Takes fresh credentials and tries them with a refresh at once, while the old ones still hold. A server that ties the allocation
    /// to its first user name (441, RFC 8656 §7.2) gets the old ones on.
    /// </summary>
    public void SetCredentials(TimeSpan now, TurnCredentials fresh)
    {
        if (State is not (TurnState.Allocating or TurnState.Allocated) || fresh == credentials)
            return;
        if (State == TurnState.Allocated)
        {
            previousCredentials = credentials;
            refreshAt = now;
        }
        credentials = fresh;
        ComputeKey();
        PlanCredentials(now);
        Advance(now);
    }

    /// <summary>Asks the server by a refresh whether it still has the allocation: one that was restarted meanwhile does not.</summary>
    public void Confirm(TimeSpan now)
    {
        if (State != TurnState.Allocated)
            return;
        isBeingConfirmed = true;
        if (!transactions.Exists(transaction => transaction.Method == StunMethod.Refresh))
            refreshAt = now;
        Advance(now);
    }

    /// <summary>Gives the allocation back (Refresh with lifetime 0, RFC 8656 §8.1) and stops everything else.</summary>
    public void Release()
    {
        if (State != TurnState.Allocated)
        {
            Close();
            return;
        }
        State = TurnState.Releasing;
        transactions.Clear();
        ForgetPeers();
        refreshAt = expiresAt = askForCredentialsAt = TimeSpan.MaxValue;
        Begin(new(StunMethod.Refresh, CreateTransactionId()) { Lifetime = 0 });
        ComputeNextTimeout();
    }

    /// <summary>The connection to the server is gone, and with it the allocation.</summary>
    public void OnDisconnected(string reason)
    {
        if (State is TurnState.Allocating or TurnState.Allocated)
            Fail(new(StunErrorCode.None, reason));
        else
            Close();
    }

    /// <summary>Does what is due: retransmissions, refreshes, renewals.</summary>
    public void HandleTimeout(TimeSpan now) => Advance(now);

    /// <summary>Takes the next event; call until false.</summary>
    public bool TryReadEvent(out TurnEvent e) => events.TryDequeue(out e);

    private void Advance(TimeSpan now)
    {
        if (State == TurnState.Closed)
            return;
        Retransmit(now);
        if (State == TurnState.Allocated)
        {
            if (now >= expiresAt)
            {
                Fail(new(StunErrorCode.None, "the server did not answer a refresh before the allocation lapsed"));
                return;
            }
            if (now >= refreshAt)
            {
                refreshAt = TimeSpan.MaxValue;
                Begin(new(StunMethod.Refresh, CreateTransactionId()) { Lifetime = (uint)options.Lifetime.TotalSeconds });
            }
            if (now >= askForCredentialsAt)
            {
                askForCredentialsAt = TimeSpan.MaxValue;
                events.Enqueue(new(TurnEventKind.CredentialsExpiring));
            }
            RenewPeers(now);
        }
        ComputeNextTimeout();
    }

    private void OnAllocated(TimeSpan now, StunMessage message)
    {
        if (!message.TryGetXorAddress(StunAttributeType.XorRelayedAddress, out var relayed) || relayed.Port == 0)
        {
            Fail(new(StunErrorCode.None, "the server allocated no address (no XOR-RELAYED-ADDRESS)"));
            return;
        }
        Relayed = relayed;
        Mapped = message.TryGetXorMappedAddress(out var mapped) ? mapped : default;
        State = TurnState.Allocated;
        OnLifetime(now, message);
        events.Enqueue(new(TurnEventKind.Allocated));
    }

    private void OnRefreshed(TimeSpan now, TurnTransaction transaction, StunMessage message)
    {
        if (IsOfPresentCredentials(transaction))
            previousCredentials = null;
        if (State == TurnState.Releasing)
        {
            Close();
            return;
        }
        OnLifetime(now, message);
        if (isBeingConfirmed)
            events.Enqueue(new(TurnEventKind.Confirmed));
        isBeingConfirmed = false;
    }

    private void OnLifetime(TimeSpan now, StunMessage message)
    {
        var lifetime = message.TryGetUInt32(StunAttributeType.Lifetime, out var seconds) ? TimeSpan.FromSeconds(seconds) : options.Lifetime;
        if (lifetime < LeastLifetime)
            lifetime = LeastLifetime;
        expiresAt = now + lifetime;
        refreshAt = now + (lifetime > 2 * RefreshMargin ? lifetime - RefreshMargin : lifetime / 2);
    }

    /// <summary>Plans to ask for fresh credentials before these expire: the margin before, or half of a shorter time.</summary>
    private void PlanCredentials(TimeSpan now)
    {
        var left = credentials.ExpiresAt == TimeSpan.MaxValue ? TimeSpan.MaxValue : credentials.ExpiresAt - now;
        askForCredentialsAt = left == TimeSpan.MaxValue || left <= TimeSpan.Zero ? TimeSpan.MaxValue
            : left > 2 * options.CredentialMargin ? credentials.ExpiresAt - options.CredentialMargin
            : now + left / 2;
    }

    private void Fail(TurnFailure failure)
    {
        Failure = failure;
        Close();
        events.Enqueue(new(TurnEventKind.Failed));
    }

    private void Close()
    {
        State = TurnState.Closed;
        transactions.Clear();
        ForgetPeers();
        nextTimeout = TimeSpan.MaxValue;
    }

    private void ComputeNextTimeout()
    {
        if (State == TurnState.Closed)
            return;
        var next = TimeSpan.MaxValue;
        foreach (var transaction in transactions)
        {
            if (!transaction.IsSendPending && transaction.Deadline < next)
                next = transaction.Deadline;
        }
        if (State == TurnState.Allocated)
            next = Earlier(Earlier(Earlier(next, refreshAt), Earlier(expiresAt, askForCredentialsAt)), NextRenewal);
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
