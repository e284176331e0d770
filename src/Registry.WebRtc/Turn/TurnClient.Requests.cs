using Registry.WebRtc.Net;
using Registry.WebRtc.Stun;

namespace Registry.WebRtc.Turn;

// Requests and their answers: RFC 8656 §5, §7 to §9, §12; authentication by RFC 8489 §9.2.
internal sealed partial class TurnClient
{
    private const int RequestedUdp = 17;

    // RFC 8489 §14.9, §14.10 allow 763 bytes of each, which together would not fit a datagram.
    private const int MaxRealm = 256;
    private const int MaxNonce = 512;

    /// <summary>Answers 401 and 438 to one request: one of each is normal, more are a server that plays.</summary>
    private const int MaxChallenges = 4;

    private readonly List<TurnTransaction> transactions = [];
    private byte[] realm = [];
    private byte[] nonce = [];
    private byte[] key = [];

    /// <summary>Whether <see cref="TryWriteMessage"/> has something.</summary>
    public bool HasOutput
    {
        get
        {
            foreach (var transaction in transactions)
            {
                if (transaction.IsSendPending)
                    return true;
            }
            return false;
        }
    }

    /// <summary>Takes a message that is not a packet of a peer; what does not belong here is dropped.</summary>
    private void HandleResponse(TimeSpan now, StunMessage message)
    {
        var id = message.TransactionId;
        var transaction = transactions.Find(t => t.Id == id);
        if (transaction is null || transaction.Transmissions == 0 || transaction.Method != message.Method || !message.FingerprintFits)
            return;
        if (message.Class == StunClass.SuccessResponse)
        {
            if (transaction.Key.Length > 0 && !message.VerifyIntegrity(transaction.Key))
                return;
            transactions.Remove(transaction);
            OnSuccess(now, transaction, message);
        }
        else if (message.TryGetErrorCode(out var code))
        {
            transactions.Remove(transaction);
            OnError(now, transaction, message, code);
        }
        Advance(now);
    }

    private void OnSuccess(TimeSpan now, TurnTransaction transaction, StunMessage message)
    {
        switch (transaction.Method)
        {
            case StunMethod.Allocate:
                OnAllocated(now, message);
                break;
            case StunMethod.Refresh:
                OnRefreshed(now, transaction, message);
                break;
            case StunMethod.ChannelBind:
                OnChannelBound(transaction);
                break;
        }
    }

    private void OnError(TimeSpan now, TurnTransaction transaction, StunMessage message, StunErrorCode code)
    {
        if (code is StunErrorCode.Unauthenticated or StunErrorCode.StaleNonce && TryAnswerChallenge(transaction, message, code))
            return;
        switch (transaction.Method)
        {
            case StunMethod.Refresh when transaction.Lifetime == 0:
                Close();
                break;
            case StunMethod.Refresh when !IsOfPresentCredentials(transaction):
                refreshAt = now;   // the present ones have not been tried
                break;
            case StunMethod.Refresh when previousCredentials is { } previous:
                // The server keeps to what the allocation was made with.
                (credentials, previousCredentials) = (previous, null);
                ComputeKey();
                refreshAt = now;
                break;
            case StunMethod.Allocate when code == StunErrorCode.TryAlternate && message.TryGetAddress(StunAttributeType.AlternateServer, out var alternate):
                Close();
                events.Enqueue(new(TurnEventKind.Reconnect, alternate));
                break;
            case StunMethod.Allocate when code == StunErrorCode.AllocationMismatch:
                // The port had an allocation of another connection before; another port has none (RFC 8656 §7.4).
                Close();
                events.Enqueue(new(TurnEventKind.Reconnect));
                break;
            case StunMethod.Allocate or StunMethod.Refresh:
                Fail(TurnFailure.From(code, transaction.Method));
                break;
            case var _ when code == StunErrorCode.AllocationMismatch:
                Fail(TurnFailure.From(code, transaction.Method));
                break;
            default:
                OnPeerRefused(transaction.Peer);
                break;
        }
    }

    /// <summary>Sends the request again with the realm and nonce that the server wants (RFC 8489 §9.2.5).</summary>
    private bool TryAnswerChallenge(TurnTransaction transaction, StunMessage message, StunErrorCode code)
    {
        if (transaction.Challenges >= MaxChallenges || !message.TryGetBytes(StunAttributeType.Nonce, MaxNonce, out var newNonce))
            return false;
        // 401 to a request with credentials refuses them, unless they were made for another realm.
        var hasRealm = message.TryGetBytes(StunAttributeType.Realm, MaxRealm, out var newRealm);
        if (code == StunErrorCode.Unauthenticated && transaction.Key.Length > 0 && (!hasRealm || realm.AsSpan().SequenceEqual(newRealm)))
            return false;
        if (hasRealm)
            realm = newRealm!;
        else if (realm.Length == 0)
            return false;
        nonce = newNonce;
        ComputeKey();
        transaction.Restart(CreateTransactionId());
        transactions.Add(transaction);
        return true;
    }

    /// <summary>Credentials may change while a request is under way.</summary>
    private bool IsOfPresentCredentials(TurnTransaction transaction) => transaction.Key.AsSpan().SequenceEqual(key);

    private void ComputeKey()
    {
        if (nonce.Length > 0)
            key = credentials.KeyFor(realm);
    }

    private void Begin(TurnTransaction transaction) => transactions.Add(transaction);

    private void Retransmit(TimeSpan now)
    {
        for (var i = transactions.Count - 1; i >= 0 && i < transactions.Count; i--)
        {
            var transaction = transactions[i];
            if (transaction.IsSendPending || now < transaction.Deadline)
                continue;
            if (!isStream && transaction.Transmissions < options.MaxTransmissions)
            {
                transaction.IsSendPending = true;
                continue;
            }
            transactions.RemoveAt(i);
            OnTimedOut(now, transaction);
        }
    }

    private void OnTimedOut(TimeSpan now, TurnTransaction transaction)
    {
        switch (transaction.Method)
        {
            case StunMethod.Allocate:
                Fail(new(StunErrorCode.None, "the server does not answer"));
                break;
            case StunMethod.Refresh when State == TurnState.Releasing:
                Close();
                break;
            case StunMethod.Refresh:
                refreshAt = now;   // until the allocation lapses
                break;
            default:
                OnPeerRefused(transaction.Peer);
                break;
        }
    }

    /// <summary>Writes the next message to send to the server; call until false.</summary>
    /// <param name="now">The time.</param>
    /// <param name="destination">At least 1,500 bytes.</param>
    /// <param name="written">Its length.</param>
    public bool TryWriteMessage(TimeSpan now, Span<byte> destination, out int written)
    {
        written = 0;
        foreach (var transaction in transactions)
        {
            if (!transaction.IsSendPending)
                continue;
            transaction.IsSendPending = false;
            transaction.Transmissions++;
            transaction.Deadline = now + (isStream ? options.StreamTimeout : RetransmissionAfter(transaction.Transmissions));
            written = WriteRequest(destination, transaction);
            ComputeNextTimeout();
            return true;
        }
        return false;
    }

    private TimeSpan RetransmissionAfter(int transmissions) =>
        Earlier(options.InitialRetransmission * (1 << Math.Min(transmissions - 1, 10)), options.MaxRetransmission);

    private int WriteRequest(Span<byte> destination, TurnTransaction transaction)
    {
        var writer = new StunWriter(destination, StunClass.Request, transaction.Method, transaction.Id);
        switch (transaction.Method)
        {
            case StunMethod.Allocate:
                writer.WriteUInt32(StunAttributeType.RequestedTransport, RequestedUdp << 24);
                writer.WriteUInt32(StunAttributeType.Lifetime, transaction.Lifetime);
                break;
            case StunMethod.Refresh:
                writer.WriteUInt32(StunAttributeType.Lifetime, transaction.Lifetime);
                break;
            case StunMethod.ChannelBind:
                writer.WriteUInt32(StunAttributeType.ChannelNumber, (uint)transaction.Channel << 16);
                writer.WriteXorAddress(StunAttributeType.XorPeerAddress, transaction.Peer);
                break;
            case StunMethod.CreatePermission:
                writer.WriteXorAddress(StunAttributeType.XorPeerAddress, transaction.Peer);
                break;
        }
        transaction.Key = key;
        if (key.Length == 0)
            return writer.Finish([]);
        writer.WriteText(StunAttributeType.Username, credentials.Username);
        writer.Write(StunAttributeType.Realm, realm);
        writer.Write(StunAttributeType.Nonce, nonce);
        return writer.Finish(key);
    }
}
