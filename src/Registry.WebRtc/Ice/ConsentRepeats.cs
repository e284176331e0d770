namespace Registry.WebRtc.Ice;

/// <summary>
/// How far apart consent checks are. A path that comes back is to be noticed within the second; but where many agents of a node go unanswered at once,
/// the machine itself does not keep up, and asking all of them twice a second would keep it from ever doing so. Safe for any thread.
/// </summary>
internal sealed class ConsentRepeats
{
    /// <summary>Time from an unanswered check to the next.</summary>
    public static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(500);

    // 250 checks a second in all: a machine that has a fiftieth of a core for them can make and answer as many.
    private static readonly TimeSpan ForEach = TimeSpan.FromMilliseconds(4);

    private int waiting;

    /// <summary>Agents that wait for an answer.</summary>
    public int Waiting => Volatile.Read(ref waiting);

    /// <summary>Least time between the checks of one agent, so that those of all that wait are not too many.</summary>
    public TimeSpan Spread => ForEach * Waiting;

    /// <summary>An agent begins to wait for an answer.</summary>
    public void Enter() => Interlocked.Increment(ref waiting);

    /// <summary>It has one, or waits no more.</summary>
    public void Leave() => Interlocked.Decrement(ref waiting);
}
