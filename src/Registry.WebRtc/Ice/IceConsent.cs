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

    /// <summary>
    /// Unanswered checks that make a silence, where the timeout has room for as many. A process that gets no time to run sends fewer, and what it did
    /// not ask or could not hear says nothing of the path.
    /// </summary>
    private const int LeastChecks = 6;

    /// <summary>Where not even those can be sent, silence counts after this many times the timeout.</summary>
    private const int MostTimeouts = 2;

    private readonly ConsentRepeats repeats = options.Repeats ?? new();
    private CheckRing recent;
    private int sent;
    private int unanswered;
    private TimeSpan firstUnansweredAt;
    private TimeSpan lastSentAt;

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
        Stop();
        IsSendPending = false;
        NextCheck = now + Later(Jittered(options.ConsentInterval), Spread);
    }

    /// <summary>A peer that was silent is heard: it is asked soon, however many others are waited for.</summary>
    public void OnPeerHeard()
    {
        if (unanswered > 0)
            NextCheck = Earlier(NextCheck, lastSentAt + ConsentRepeats.Shortest);
    }

    /// <summary>No answer is waited for any more.</summary>
    public void Stop()
    {
        if (unanswered > 0)
            repeats.Leave();
        unanswered = 0;
    }

    public bool IsDue(TimeSpan now) => !IsSendPending && now >= NextCheck;

    public void RequestSend() => IsSendPending = true;

    /// <summary>The check is being sent now.</summary>
    public void OnSent(TimeSpan now, StunTransactionId transactionId)
    {
        IsSendPending = false;
        recent[sent++ & (CheckRing.Length - 1)] = new(transactionId, now);
        lastSentAt = now;
        if (unanswered++ == 0)
        {
            firstUnansweredAt = now;
            repeats.Enter();
        }
        NextCheck = now + Later(Earlier(ConsentRepeats.Shortest, Jittered(options.ConsentInterval)), Spread);
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
        var needed = Math.Clamp((int)(timeout / ConsentRepeats.Shortest), 1, LeastChecks);
        if (unanswered < needed)
            return Later(lastAnswer + timeout, firstUnansweredAt + MostTimeouts * timeout);
        // The last of them may still be answered.
        var asked = recent[(sent - 1 - Math.Min(unanswered - needed, CheckRing.Length - 1)) & (CheckRing.Length - 1)].SentAt;
        return Later(lastAnswer + timeout, asked + Earlier(timeout, ConsentRepeats.Shortest));
    }

    /// <summary>Time between checks while many agents wait for answers; consent can still be had twice before it expires.</summary>
    private TimeSpan Spread => Earlier(repeats.Spread, options.FailedTimeout / 2);

    private static TimeSpan Earlier(TimeSpan a, TimeSpan b) => a < b ? a : b;

    private static TimeSpan Later(TimeSpan a, TimeSpan b) => a > b ? a : b;

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
