namespace Registry.Actors.Channels.Flow;

/// <summary>What is to be done at a beat.</summary>
internal enum Beat
{
    /// <summary>Nothing.</summary>
    None,
    /// <summary>Send a ping.</summary>
    Ping,
    /// <summary>The peer is dead: a ping went out and nothing at all came for too long.</summary>
    PeerIsDead,
}

/// <summary>Measures a channel's round trip with pings and notices a peer that is silent. Has no clock: times are since any fixed moment.</summary>
/// <param name="interval">Time between pings.</param>
/// <param name="timeout">How long a peer may be silent after a ping.</param>
internal sealed class Heartbeat(TimeSpan interval, TimeSpan timeout)
{
    private readonly Lock gate = new();
    private TimeSpan nextPing;
    private TimeSpan? pingedAt;
    private TimeSpan heardAt;
    private long roundTrip;

    /// <summary>The last measured round trip; zero while none was.</summary>
    public TimeSpan RoundTrip => new(Volatile.Read(ref roundTrip));

    /// <summary>Notes that something came from the peer.</summary>
    public void Heard(TimeSpan now)
    {
        lock (gate)
            heardAt = now;
    }

    /// <summary>Notes the answer to the ping that is under way; other answers count for nothing.</summary>
    public void Answered(TimeSpan now)
    {
        lock (gate)
        {
            if (pingedAt is not { } sent)
                return;
            Volatile.Write(ref roundTrip, Math.Max(1, (now - sent).Ticks));
            pingedAt = null;
            nextPing = now + interval;
        }
    }

    /// <summary>Says what is to be done.</summary>
    /// <param name="now">The time.</param>
    /// <param name="wait">How long nothing else is.</param>
    public Beat Next(TimeSpan now, out TimeSpan wait)
    {
        lock (gate)
        {
            var beat = Beat.None;
            if (pingedAt is { } sent)
            {
                var deadline = (heardAt > sent ? heardAt : sent) + timeout;
                wait = deadline - now;
                if (wait <= TimeSpan.Zero)
                    beat = Beat.PeerIsDead;
            }
            else if (now >= nextPing)
            {
                pingedAt = now;
                beat = Beat.Ping;
                wait = interval < timeout ? interval : timeout;
            }
            else
            {
                wait = nextPing - now;
            }

            return beat;
        }
    }
}
