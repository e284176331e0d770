namespace Registry.WebRtc.Sctp;

/// <summary>
/// The search for the largest packet the path carries (RFC 8899, with a table of common sizes): a probe that is acknowledged confirms its
/// size, one that is lost three times ends the search. Lost probes say nothing about congestion. Times are in ticks.
/// </summary>
/// <param name="baseSize">The packet size that every path carries.</param>
/// <param name="maximum">The largest size to try; at or below <paramref name="baseSize"/> for no search.</param>
internal sealed class PathMtu(int baseSize, int maximum)
{
    private const int MaxProbes = 3;

    /// <summary>
    /// How long the end of a search is believed at last (RFC 8899 §5.1.1, PMTU_RAISE_TIMER). At first it is much less: an overloaded host
    /// loses probes too.
    /// </summary>
    private static readonly long raiseAfter = TimeSpan.FromMinutes(10).Ticks;
    private static readonly long firstPause = TimeSpan.FromSeconds(5).Ticks;

    // 2 KiB, 4 KiB, and 8 KiB with DTLS (37), UDP (8) and IP, which jumbo frames and loopback carry. An Ethernet frame has no room for a second chunk.
    private static readonly int[] common = [2008, 4056, 8152];

    private readonly int baseSize = baseSize;
    private readonly int maximum = maximum;
    private int limit;
    private int failures;
    private int probes;
    private long probeDeadline = long.MaxValue;
    private long nextSearch;
    private bool isEnded;

    /// <summary>The largest packet known to arrive.</summary>
    public int PacketSize { get; private set; } = baseSize;

    /// <summary>Size of the probe under way; 0 for none.</summary>
    public int ProbeSize { get; private set; }

    /// <summary>When the probe under way counts as lost.</summary>
    public long Deadline => probeDeadline;

    /// <summary>Bounds the search by what the peer says it takes; one that says nothing may not survive a probe, so there is none.</summary>
    public void LimitTo(uint peerTakes) => limit = (int)Math.Min(maximum, peerTakes);

    /// <summary>Whether a probe is to be sent now.</summary>
    public bool IsProbeDue(long now)
    {
        if (ProbeSize != 0)
            return probeDeadline == long.MaxValue;
        if (isEnded && now < nextSearch)
            return false;
        isEnded = false;
        ProbeSize = NextSize();
        probes = 0;
        if (ProbeSize == 0)
            EndSearch(now, raiseAfter);
        return ProbeSize != 0;
    }

    /// <summary>Notes that the probe was sent.</summary>
    public void OnProbeSent(long now, long timeout)
    {
        probes++;
        probeDeadline = now + timeout;
    }

    /// <summary>The probe arrived.</summary>
    public void OnProbeAcknowledged()
    {
        PacketSize = Math.Max(PacketSize, ProbeSize);
        failures = 0;
        ProbeSize = 0;
        probeDeadline = long.MaxValue;
    }

    /// <summary>The probe was not answered in time: it is due once more, or the search is over.</summary>
    public void OnProbeLost(long now)
    {
        probeDeadline = long.MaxValue;
        if (probes >= MaxProbes)
            EndSearch(now, Math.Min(raiseAfter, firstPause << Math.Min(failures++, 7)));
    }

    /// <summary>Begins again: the path is another one.</summary>
    public void Restart()
    {
        PacketSize = baseSize;
        ProbeSize = probes = failures = 0;
        probeDeadline = long.MaxValue;
        isEnded = false;
    }

    /// <summary>
    /// Data timed out; true when packets become smaller because of that. One timeout is enough: what is sent again singly gets through where full packets do not, and a
    /// path that still carries those is found again by the next search.
    /// </summary>
    public bool OnTimeout(long now)
    {
        if (PacketSize == baseSize)
            return false;
        PacketSize = baseSize;
        EndSearch(now, firstPause);
        return true;
    }

    private int NextSize()
    {
        foreach (var size in common)
        {
            if (size > PacketSize && size <= limit)
                return size;
        }
        return 0;
    }

    private void EndSearch(long now, long pause)
    {
        ProbeSize = 0;
        probeDeadline = long.MaxValue;
        isEnded = true;
        nextSearch = now + pause;
    }
}
