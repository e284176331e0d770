using Registry.Messages;

namespace Registry.Actors.Channels.Flow;

/// <summary>
/// So many bytes a second for all who share it: a token bucket. Who finds it empty waits, and who has had least is served first (start-time fair queueing),
/// so that a keystroke passes the bulk transfers beside it and these get equal parts. Safe for any thread; nobody blocks one.
/// </summary>
internal sealed class RateLimit : IDisposable
{
    // What a pause saves up, and how long the largest piece holds up the next, as parts of a second.
    private const int BurstsPerSecond = 4;
    private const int PiecesPerSecond = 50;

    private volatile int bytesPerSecond;
    private readonly TimeProvider time;
    private readonly Lock gate = new();
    private readonly PriorityQueue<Payment, (long Start, long Number)> waiting = new();
    private readonly ITimer timer;
    private double balance; // below 0 by one piece at most
    private long balanceAt;
    private long served; // start of the payment that was served last, in bytes that one who never pauses has had
    private long number;

    /// <param name="bytesPerSecond">The rate, at least <see cref="CreateTube.LeastBytesPerSecond"/>.</param>
    /// <param name="time">The clock.</param>
    public RateLimit(int bytesPerSecond, TimeProvider time)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bytesPerSecond, CreateTube.LeastBytesPerSecond);
        this.bytesPerSecond = bytesPerSecond;
        this.time = time;
        balance = Burst;
        balanceAt = time.GetTimestamp();
        timer = time.CreateTimer(_ => ServeWaiting(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Bytes that should be paid for at once at most.</summary>
    public int LargestPiece => Math.Clamp(bytesPerSecond / PiecesPerSecond, CreateTube.LeastBytesPerSecond, 16 * 1024);

    private int Burst => bytesPerSecond / BurstsPerSecond;

    /// <summary>Waits until the bytes may go.</summary>
    /// <param name="account">The payer's; it has one payment under way at a time.</param>
    /// <param name="bytes">How many.</param>
    /// <param name="cancellationToken">Gives up; nothing is paid then.</param>
    public ValueTask PayAsync(RateAccount account, int bytes, CancellationToken cancellationToken)
    {
        Payment payment;
        lock (gate)
        {
            var start = Math.Max(served, account.Paid);
            account.Paid = start + bytes;
            Refill();
            if (waiting.Count == 0 && balance > 0)
            {
                Serve(start, bytes);
                return ValueTask.CompletedTask;
            }

            payment = new(bytes);
            waiting.Enqueue(payment, (start, number++));
            if (waiting.Count == 1)
                Schedule();
        }

        return new(WaitAsync(payment, cancellationToken));
    }

    /// <summary>Goes on at another rate; those who wait are served by it.</summary>
    /// <param name="changed">The rate, at least <see cref="CreateTube.LeastBytesPerSecond"/>.</param>
    public void Change(int changed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(changed, CreateTube.LeastBytesPerSecond);
        lock (gate)
        {
            Refill();
            bytesPerSecond = changed;
            balance = Math.Min(balance, Burst);
            if (waiting.Count > 0)
                Schedule();
        }
    }

    /// <summary>Nobody pays any more.</summary>
    public void Dispose() => timer.Dispose();

    private void ServeWaiting()
    {
        lock (gate)
        {
            Refill();
            while (waiting.TryPeek(out var next, out var turn) && (next.Task.IsCompleted || balance > 0))
            {
                waiting.Dequeue();
                if (next.TrySetResult())
                    Serve(turn.Start, next.Bytes);
            }

            if (waiting.Count > 0)
                Schedule();
        }
    }

    private void Serve(long start, int bytes)
    {
        served = Math.Max(served, start);
        balance -= bytes;
    }

    private void Refill()
    {
        balance = Math.Min(Burst, balance + time.GetElapsedTime(balanceAt).TotalSeconds * bytesPerSecond);
        balanceAt = time.GetTimestamp();
    }

    // A timer counts milliseconds.
    private void Schedule() => timer.Change(TimeSpan.FromMilliseconds(Math.Max(1, Math.Ceiling((1 - balance) * 1000 / bytesPerSecond))), Timeout.InfiniteTimeSpan);

    private static async Task WaitAsync(Payment payment, CancellationToken cancellationToken)
    {
        await using var withdrawal = cancellationToken.UnsafeRegister((p, token) => ((Payment)p!).TrySetCanceled(token), payment);
        await payment.Task;
    }

    private sealed class Payment(int bytes) : TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public int Bytes => bytes;
    }
}

/// <summary>How much one payer has had of a <see cref="RateLimit"/>, which touches it.</summary>
internal sealed class RateAccount
{
    public long Paid { get; set; }
}
