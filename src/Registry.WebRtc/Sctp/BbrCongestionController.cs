namespace Registry.WebRtc.Sctp;

/// <summary>
/// A controller after BBR (draft-ietf-ccwg-bbr): it measures what the path delivers and its round trip without a queue, sends at that rate
/// and keeps about twice their product in flight. A loss by chance changes nothing; when a round loses more than the path's buffer can
/// excuse, the inflight limit falls, and grows back while that does not happen again.
/// </summary>
internal sealed class BbrCongestionController : ICongestionController
{
    private const double StartupGain = 2.885; // 2 / ln 2: doubles the rate in a round
    private const double WindowGain = 2;
    private const double ProbeRttGain = 0.5;
    private const int BandwidthRounds = 10;
    private const int MinimumPackets = 4;

    /// <summary>Rounds without a quarter more bandwidth after which the pipe counts as full.</summary>
    private const int FullRounds = 3;
    private const double FullGrowth = 1.25;

    /// <summary>Share of a round's bytes whose loss counts as congestion.</summary>
    private const double LossThreshold = 0.02;
    private const int LeastLostPackets = 6;
    private const double Beta = 0.7;
    private const double Headroom = 0.85;
    private const long MinimumRttLife = 10 * TimeSpan.TicksPerSecond;
    private const long ProbeRttTime = 200 * TimeSpan.TicksPerMillisecond;

    /// <summary>Below this round trip the window alone sets the pace: the hosts' scheduling is coarser than the path.</summary>
    private const long TinyRoundTrip = 2 * TimeSpan.TicksPerMillisecond;

    /// <summary>Least round trip the window is made for, as both hosts work in bursts.</summary>
    private const long LeastModelRoundTrip = 4 * TimeSpan.TicksPerMillisecond;

    // One phase sends more than the path delivers, to find more; the next drains what that queued.
    private static readonly double[] cycle = [1.25, 0.75, 1, 1, 1, 1, 1, 1];

    private readonly double[] bandwidths = new double[BandwidthRounds];
    private readonly long initialWindow;
    private Mode mode = Mode.Startup;
    private long window;
    private long inflightLimit = long.MaxValue;
    private double bandwidth;
    private double pacingGain = StartupGain;
    private double windowGain = StartupGain;
    private long minimumRtt = long.MaxValue;
    private long minimumRttAt;
    private long round;
    private long roundEnd;
    private double fullBandwidth;
    private int fullRounds;
    private bool isPipeFull;
    private int phase;
    private long phaseStart;
    private long probeRttEnd;
    private long probeRttRound;
    private long lostInRound;
    private long ackedInRound;
    private long peakInRound;
    private long lastCutRound = -2;
    private long windowBefore;
    private long limitBefore;

    /// <param name="packetSize">Bytes of a packet.</param>
    /// <param name="initialPackets">Packets that may go out before anything is known.</param>
    public BbrCongestionController(int packetSize, int initialPackets)
    {
        PacketSize = packetSize;
        window = initialWindow = (long)initialPackets * packetSize;
    }

    private enum Mode
    {
        Startup,
        Drain,
        ProbeBandwidth,
        ProbeRtt,
    }

    public int PacketSize { private get; set; }

    public long Window => mode switch
    {
        Mode.ProbeRtt => Math.Min(window, Math.Max(Product(ProbeRttGain), Minimum)),
        // Up to the limit itself only to probe; the rest of the time there is room for others.
        _ when inflightLimit != long.MaxValue && pacingGain <= 1 => Math.Min(window, Math.Max((long)(Headroom * inflightLimit), Minimum)),
        _ => Math.Min(window, inflightLimit),
    };

    public double PacingRate => minimumRtt switch
    {
        long.MaxValue or < TinyRoundTrip => 0,
        // Little was sent yet, so the bandwidth found says little; what the initial window allows is no burst.
        _ when !isPipeFull => Math.Max(pacingGain * bandwidth, StartupGain * initialWindow * TimeSpan.TicksPerSecond / minimumRtt),
        _ => pacingGain * bandwidth,
    };

    private long Minimum => (long)MinimumPackets * PacketSize;

    public void OnAcknowledged(in PathSample sample)
    {
        ackedInRound += sample.AcknowledgedBytes;
        lostInRound += sample.LostBytes;
        peakInRound = Math.Max(peakInRound, sample.FlightBefore);
        var roundStarts = sample.DeliveredBefore >= roundEnd;
        if (roundStarts)
            StartRound(in sample);
        UpdateBandwidth(in sample);
        if (roundStarts)
            CheckPipe(in sample);
        UpdateMinimumRtt(in sample);
        Advance(in sample);
        UpdateWindow(in sample);
    }

    public void OnLoss(long now)
    {
        // What counts is how much of a round is lost.
        (windowBefore, limitBefore) = (window, inflightLimit);
    }

    public void OnTimeout(long now, bool repeated)
    {
        // Nothing is known to be on the path; the window grows back with each acknowledgement.
        if (!repeated)
            (windowBefore, limitBefore) = (window, inflightLimit);
        window = PacketSize / 2; // lets one packet out: what is acknowledged next shows whether the timer was early (RFC 5682)
    }

    public void Undo()
    {
        window = Math.Max(window, windowBefore);
        inflightLimit = Math.Max(inflightLimit, limitBefore);
    }

    private void StartRound(in PathSample sample)
    {
        roundEnd = sample.Delivered;
        round++;
        bandwidths[round % BandwidthRounds] = 0;
        if (lostInRound > LossThreshold * (lostInRound + ackedInRound) && lostInRound >= LeastLostPackets * PacketSize)
            OnCongestion();
        (lostInRound, ackedInRound, peakInRound) = (0, 0, sample.Flight);
    }

    /// <summary>The path dropped more than by chance: its buffer is full.</summary>
    private void OnCongestion()
    {
        isPipeFull = true;
        // The next round's losses come from packets that were on their way before the limit took hold.
        if (round <= lastCutRound + 1)
            return;
        lastCutRound = round;
        inflightLimit = Math.Max(Math.Max((long)(Beta * Math.Min(peakInRound, inflightLimit)), Product(0.75)), Minimum);
    }

    private void UpdateBandwidth(in PathSample sample)
    {
        if (sample.DeliveryRate <= 0 || sample.IsApplicationLimited && sample.DeliveryRate < bandwidth)
            return;
        ref var best = ref bandwidths[round % BandwidthRounds];
        best = Math.Max(best, sample.DeliveryRate);
        bandwidth = 0;
        foreach (var one in bandwidths)
            bandwidth = Math.Max(bandwidth, one);
    }

    private void CheckPipe(in PathSample sample)
    {
        if (isPipeFull || sample.IsApplicationLimited)
            return;
        if (bandwidth >= fullBandwidth * FullGrowth)
        {
            fullBandwidth = bandwidth;
            fullRounds = 0;
        }
        else if (++fullRounds >= FullRounds)
        {
            isPipeFull = true;
        }
    }

    private void UpdateMinimumRtt(in PathSample sample)
    {
        if (sample.RoundTrip <= 0)
            return;
        // One that is as good as the shortest shows that there is no queue.
        if (minimumRtt != long.MaxValue && sample.RoundTrip > minimumRtt + minimumRtt / 16)
            return;
        minimumRtt = Math.Min(minimumRtt, sample.RoundTrip);
        minimumRttAt = sample.Now;
    }

    private void Advance(in PathSample sample)
    {
        if (mode == Mode.Startup && isPipeFull)
            (mode, pacingGain, windowGain) = (Mode.Drain, 1 / StartupGain, WindowGain);
        if (mode == Mode.Drain && sample.Flight <= Product(1))
            EnterProbeBandwidth(sample.Now);
        if (mode == Mode.ProbeBandwidth)
            AdvanceCycle(in sample);
        if (mode == Mode.ProbeRtt)
            LeaveProbeRttWhenDone(in sample);
        else if (sample.Now - minimumRttAt > MinimumRttLife && minimumRtt is > TinyRoundTrip and < long.MaxValue)
            (mode, pacingGain, probeRttEnd) = (Mode.ProbeRtt, 1, 0);
    }

    private void EnterProbeBandwidth(long now)
    {
        (mode, windowGain) = (Mode.ProbeBandwidth, WindowGain);
        (phase, phaseStart) = (2, now);
        pacingGain = cycle[phase];
    }

    private void AdvanceCycle(in PathSample sample)
    {
        var elapsed = sample.Now - phaseStart;
        var isOver = elapsed > minimumRtt;
        // More is sent until it has filled the pipe or was lost, less until the queue is gone.
        if (pacingGain > 1)
            isOver &= sample.LostBytes > 0 || sample.FlightBefore >= Math.Min(Product(pacingGain), inflightLimit) || elapsed > 2 * minimumRtt;
        else if (pacingGain < 1)
            isOver |= sample.Flight <= Product(1);
        if (!isOver)
            return;
        phase = (phase + 1) % cycle.Length;
        phaseStart = sample.Now;
        pacingGain = cycle[phase];
        if (phase == 1 && inflightLimit != long.MaxValue && round > lastCutRound + 2)
            RaiseLimit();
    }

    private void RaiseLimit()
    {
        inflightLimit += Math.Max(inflightLimit / 8, PacketSize);
        if (inflightLimit > 2 * Product(WindowGain))
            inflightLimit = long.MaxValue;
    }

    private void LeaveProbeRttWhenDone(in PathSample sample)
    {
        if (probeRttEnd == 0)
        {
            if (sample.Flight > Window)
                return;
            probeRttEnd = sample.Now + ProbeRttTime;
            probeRttRound = round + 1;
            minimumRtt = sample.RoundTrip > 0 ? sample.RoundTrip : minimumRtt;
            minimumRttAt = sample.Now;
            return;
        }
        if (sample.Now < probeRttEnd || round < probeRttRound)
            return;
        minimumRttAt = sample.Now;
        if (isPipeFull)
            EnterProbeBandwidth(sample.Now);
        else
            (mode, pacingGain, windowGain) = (Mode.Startup, StartupGain, StartupGain);
    }

    private void UpdateWindow(in PathSample sample)
    {
        var target = Math.Max(Product(windowGain) + Slack, Minimum);
        if (isPipeFull)
            window = Math.Min(window + sample.AcknowledgedBytes, target);
        else if (window < target || sample.Delivered < initialWindow)
            window += sample.AcknowledgedBytes;
        window = Math.Max(window, mode == Mode.Startup ? PacketSize : Minimum);
    }

    /// <summary>What the pacer lets go in one burst at both ends, so that the model's window is not spent on it.</summary>
    private long Slack => (long)(bandwidth * 0.003) + 2 * PacketSize;

    /// <summary>Bandwidth times round trip times gain; the initial window as long as nothing was measured.</summary>
    private long Product(double gain)
    {
        if (minimumRtt == long.MaxValue || bandwidth == 0)
            return (long)(gain * initialWindow);
        return (long)(gain * bandwidth * Math.Max(minimumRtt, LeastModelRoundTrip) / TimeSpan.TicksPerSecond);
    }
}
