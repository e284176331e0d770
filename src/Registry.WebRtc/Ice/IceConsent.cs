using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Registry.WebRtc.Stun;

namespace Registry.WebRtc.Ice;

/// <summary>
/// Consent to send on the selected pair (RFC 7675 §5.1): a check with a fresh transaction id every interval, and sooner
/// while none is answered, so that one lost datagram does not matter.
/// </summary>
internal sealed class IceConsent(IceOptions options, RandomFill random)
{
    /// <summary>Unanswered checks after which other pairs are tried.</summary>
    private const int SuspectAfter = 5;

    /// <summary>Time between unanswered checks: a path that comes back is to be noticed within the second.</summary>
    private static readonly TimeSpan Repeat = TimeSpan.FromMilliseconds(500);

    /// <summary>Time that unanswered checks get before silence counts, also where the interval is longer than the timeouts.</summary>
    private static readonly TimeSpan LeastSilence = TimeSpan.FromSeconds(3);

    private CheckRing recent;
    private int sent;
    private int unanswered;
    private TimeSpan firstUnansweredAt;

    public bool IsSendPending { get; private set; }

    /// <summary>When the next check is due.</summary>
    public TimeSpan NextCheck { get; private set; } = TimeSpan.MaxValue;

    /// <summary>Whether the path is so silent that others should be tried.</summary>
    public bool IsSuspect => unanswered >= SuspectAfter;

    /// <summary>Starts over for a pair that has just answered.</summary>
    public void Start(TimeSpan now)
    {
        recent = default;
        OnAnswer(now);
    }

    public void OnAnswer(TimeSpan now)
    {
        unanswered = 0;
        IsSendPending = false;
        NextCheck = now + Jittered(options.ConsentInterval);
    }

    public bool IsDue(TimeSpan now) => !IsSendPending && now >= NextCheck;

    public void RequestSend() => IsSendPending = true;

    /// <summary>The check is being sent now.</summary>
    public void OnSent(TimeSpan now, StunTransactionId transactionId)
    {
        IsSendPending = false;
        recent[sent++ & (CheckRing.Length - 1)] = new(transactionId, now);
        if (unanswered++ == 0)
            firstUnansweredAt = now;
        NextCheck = now + (Repeat < options.ConsentInterval ? Repeat : Jittered(options.ConsentInterval));
    }

    /// <summary>Whether the transaction is one of the last consent checks, and when that was sent.</summary>
    public bool TryFind(StunTransactionId transactionId, out TimeSpan sentAt)
    {
        foreach (var check in recent)
        {
            if (check.Id == transactionId && check.Id != default)
            {
                sentAt = check.SentAt;
                return true;
            }
        }
        sentAt = default;
        return false;
    }

    public TimeSpan DisconnectedAt(TimeSpan lastAnswer) => SilentAt(lastAnswer, options.DisconnectedTimeout);

    public TimeSpan FailedAt(TimeSpan lastAnswer) => SilentAt(lastAnswer, options.FailedTimeout);

    private TimeSpan SilentAt(TimeSpan lastAnswer, TimeSpan timeout)
    {
        if (unanswered == 0)
            return TimeSpan.MaxValue;
        var least = firstUnansweredAt + (timeout < LeastSilence ? timeout : LeastSilence);
        return lastAnswer + timeout > least ? lastAnswer + timeout : least;
    }

    /// <summary>0.8 to 1.2 times the interval, so that the checks of many agents do not fall together.</summary>
    private TimeSpan Jittered(TimeSpan interval)
    {
        Span<byte> bytes = stackalloc byte[2];
        random(bytes);
        return interval * (0.8 + 0.4 * BinaryPrimitives.ReadUInt16BigEndian(bytes) / ushort.MaxValue);
    }

    private readonly record struct Check(StunTransactionId Id, TimeSpan SentAt);

    [InlineArray(Length)]
    private struct CheckRing
    {
        public const int Length = 8;
        private Check first;
    }
}
