namespace Registry.Actors.Tubes;

/// <summary>When ICE may be restarted: with growing pauses, a limited number of times, and not while the peer still has an offer to answer.</summary>
internal sealed class IceRestartPolicy(RegistrySettings settings)
{
    private int attempts;
    private TimeSpan lastAttempt;
    private TimeSpan? connectedSince;

    /// <summary>The path is whole, or whole again.</summary>
    public void OnConnected(TimeSpan now) => connectedSince = now;

    /// <summary>The path does not answer.</summary>
    public void OnDisconnected() => connectedSince = null;

    /// <summary>Time until the next restart may be made, zero for now; null for not before the path has been whole for a while.</summary>
    /// <param name="now">The time.</param>
    /// <param name="isPending">Whether the peer has not answered the last one yet.</param>
    public TimeSpan? WaitAt(TimeSpan now, bool isPending)
    {
        if (attempts == 0 || IsStable(now))
            return settings.IceRestartAttempts > 0 ? TimeSpan.Zero : null;
        if (attempts >= settings.IceRestartAttempts)
            return null;
        var pause = Least(settings.IceRestartBackoff * Math.Pow(2, Math.Min(attempts - 1, 20)), settings.IceRestartMaxBackoff);
        if (isPending && pause < settings.IceRestartAnswerTimeout)
            pause = settings.IceRestartAnswerTimeout;
        var wait = lastAttempt + pause - now;
        return wait > TimeSpan.Zero ? wait : TimeSpan.Zero;
    }

    /// <summary>A restart is being made.</summary>
    public void OnAttempt(TimeSpan now)
    {
        attempts = IsStable(now) ? 1 : attempts + 1;
        lastAttempt = now;
        if (connectedSince is not null)
            connectedSince = now;
    }

    private bool IsStable(TimeSpan now) => connectedSince is { } since && now - since >= settings.IceRestartMaxBackoff;

    private static TimeSpan Least(TimeSpan a, TimeSpan b) => a < b ? a : b;
}
