namespace Registry.WebRtc.Net;

/// <summary>Whose deadlines a <see cref="SharedTimer"/> keeps.</summary>
internal interface ITimerClient
{
    /// <summary>A deadline has come. Called one client after the other, so it must not block.</summary>
    void OnDeadline();
}

/// <summary>
/// One timer for the deadlines of many that agree on the same times. Those of one time come in one call on one thread of the pool, so that
/// thousands of idle clients do not wake the process each on its own.
/// </summary>
/// <param name="time">The timer's source.</param>
/// <param name="now">The clock of the deadlines.</param>
internal sealed class SharedTimer(TimeProvider time, Func<TimeSpan> now) : IDisposable
{
    // The system's timers go by a clock that the kernel advances every few milliseconds; without this they fire too early for ours.
    private static readonly TimeSpan ClockStep = TimeSpan.FromMilliseconds(5);

    private readonly Lock gate = new();
    private readonly SortedDictionary<TimeSpan, HashSet<ITimerClient>> clients = [];
    private ITimer? timer;
    private TimeSpan armedFor = TimeSpan.MaxValue;
    private bool disposed;

    /// <summary>Times with at least one client.</summary>
    public int Times
    {
        get { lock (gate) return clients.Count; }
    }

    /// <summary>Calls the client at that time, once.</summary>
    public void Add(TimeSpan due, ITimerClient client)
    {
        lock (gate)
        {
            if (disposed)
                return;
            if (!clients.TryGetValue(due, out var those))
                clients.Add(due, those = []);
            those.Add(client);
            Arm();
        }
    }

    /// <summary>Takes a deadline back; one that has come is ignored, and its call may still be under way.</summary>
    public void Remove(TimeSpan due, ITimerClient client)
    {
        lock (gate)
        {
            if (!clients.TryGetValue(due, out var those) || !those.Remove(client) || those.Count > 0)
                return;
            clients.Remove(due);
            Arm();
        }
    }

    /// <summary>Calls nobody any more.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            disposed = true;
            clients.Clear();
            timer?.Dispose();
        }
    }

    private void OnTimer()
    {
        List<ITimerClient> due = [];
        lock (gate)
        {
            if (disposed)
                return;
            armedFor = TimeSpan.MaxValue;
            var present = now();
            while (TryGetFirst(out var first) && first <= present)
            {
                due.AddRange(clients[first]);
                clients.Remove(first);
            }
            Arm();
        }
        foreach (var client in due)
            client.OnDeadline();
    }

    /// <summary>Sets the timer to the first time.</summary>
    private void Arm()
    {
        var first = TryGetFirst(out var found) ? found : TimeSpan.MaxValue;
        if (first == armedFor)
            return;
        armedFor = first;
        timer ??= time.CreateTimer(static self => ((SharedTimer)self!).OnTimer(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        timer.Change(
            first == TimeSpan.MaxValue ? Timeout.InfiniteTimeSpan : Max(first - now(), TimeSpan.Zero) + ClockStep,
            Timeout.InfiniteTimeSpan);
    }

    private static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;

    private bool TryGetFirst(out TimeSpan first)
    {
        foreach (var due in clients.Keys)
        {
            first = due;
            return true;
        }
        first = default;
        return false;
    }
}
