using System.Buffers.Binary;

namespace Registry.WebRtc.Sctp;

/// <content>Acknowledgements coming in: round trip, loss detection after RACK (RFC 8985), congestion control and the timers of sent data.</content>
internal sealed partial class SctpAssociation
{
    private const int DuplicateThreshold = 3;
    private const int MaxReorderingSteps = 16;
    private long peerWindow;
    private long rackOrder;
    private long rackRtt;
    private bool reorderingSeen;
    private int reorderingSteps = 1;
    private uint recoveryPoint;
    private bool hasRecoveryPoint;
    private bool inFastRecovery;
    private long bytesLost;
    private int lostInEpisode;
    private int aliveInEpisode;
    private uint probeTsn;
    private long retransmissions;
    private long timeouts;

    private void HandleSack(long now, ReadOnlySpan<byte> value)
    {
        if (State == SctpAssociationState.CookieEchoed)
            Establish(now);
        if (!CanSendData || value.Length < SackFixedLength)
            return;
        var cumulative = BinaryPrimitives.ReadUInt32BigEndian(value);
        var window = BinaryPrimitives.ReadUInt32BigEndian(value[4..]);
        var gaps = BinaryPrimitives.ReadUInt16BigEndian(value[8..]);
        var duplicates = BinaryPrimitives.ReadUInt16BigEndian(value[10..]);
        // An older one that was overtaken, or a TSN never sent.
        if (SerialNumber.IsAfter(inFlight.CumulativeTsn, cumulative) || !SerialNumber.IsAfter(inFlight.NextTsn, cumulative))
            return;
        var flightBefore = inFlight.FlightBytes;
        var summary = default(AcknowledgementSummary);
        inFlight.AcknowledgeUpTo(cumulative, ref summary);
        for (var blocks = value[SackFixedLength..]; gaps > 0 && blocks.Length >= 4; gaps--, blocks = blocks[4..])
        {
            var first = cumulative + BinaryPrimitives.ReadUInt16BigEndian(blocks);
            var last = cumulative + BinaryPrimitives.ReadUInt16BigEndian(blocks[2..]);
            if (SerialNumber.IsAfter(first, cumulative) && !SerialNumber.IsAfter(first, last) && SerialNumber.IsAfter(inFlight.NextTsn, last))
                inFlight.AcknowledgeGap(first, last, ref summary);
        }
        if (duplicates > 0 && retransmissions > 0)
        {
            reorderingSteps = Math.Min(reorderingSteps + 1, MaxReorderingSteps);
            CountDuplicates(value, duplicates);
        }
        UpdatePeerWindow(now, window);
        AfterAcknowledgement(now, flightBefore, in summary);
    }

    /// <summary>A TSN that arrived twice was not lost (the D-SACK of RFC 3708); the probe of a tail is not meant to repair a loss.</summary>
    private void CountDuplicates(ReadOnlySpan<byte> sack, int count)
    {
        var tail = sack[Math.Min(sack.Length, SackFixedLength + 4 * BinaryPrimitives.ReadUInt16BigEndian(sack[8..]))..];
        for (; count > 0 && tail.Length >= 4; count--, tail = tail[4..])
        {
            if (BinaryPrimitives.ReadUInt32BigEndian(tail) != probeTsn)
                aliveInEpisode++;
        }
    }

    /// <summary>Takes back what an episode of losses did once all of it is known to have arrived: the path only reordered or was slow.</summary>
    private void UndoSpuriousLoss(in AcknowledgementSummary summary)
    {
        aliveInEpisode += summary.FoundAlive;
        if (lostInEpisode == 0)
        {
            aliveInEpisode = 0;
            return;
        }
        // After a timeout the first packet that arrives without having been sent again shows that the timer was early (RFC 5682).
        var isTimeout = hasRecoveryPoint && !inFastRecovery;
        if (isTimeout ? summary.FoundAlive == 0 : aliveInEpisode < lostInEpisode)
            return;
        if (isTimeout)
            inFlight.RestoreLost();
        lostInEpisode = aliveInEpisode = 0;
        hasRecoveryPoint = inFastRecovery = false;
        rto.ResetBackOff();
        congestion.Undo();
    }

    /// <summary>Takes the cumulative TSN that comes with SHUTDOWN.</summary>
    private void AcknowledgeCumulative(long now, uint cumulative)
    {
        if (SerialNumber.IsAfter(inFlight.CumulativeTsn, cumulative) || !SerialNumber.IsAfter(inFlight.NextTsn, cumulative))
            return;
        var flightBefore = inFlight.FlightBytes;
        var summary = default(AcknowledgementSummary);
        inFlight.AcknowledgeUpTo(cumulative, ref summary);
        AfterAcknowledgement(now, flightBefore, in summary);
    }

    private void UpdatePeerWindow(long now, uint window)
    {
        peerWindow = window - inFlight.UnacknowledgedBytes;
        if (window == 0)
            errorCount = 0; // a peer that says its window is closed is alive (RFC 9260 §6.1 A)
        // The peer had no room for the probe of its closed window and dropped it.
        if (isProbingWindow && window > 0)
        {
            inFlight.MarkAllLost(now);
            rto.ResetBackOff();
        }
        if (window > 0)
            isProbingWindow = false;
    }

    private void AfterAcknowledgement(long now, long flightBefore, in AcknowledgementSummary summary)
    {
        var deliveryRate = 0.0;
        if (summary.Bytes > 0)
        {
            errorCount = 0;
            probeInFlight = false;
            MeasureRoundTrip(now, in summary);
            deliveryRate = inFlight.DeliveryRate.OnAcknowledged(now, in summary, rto.MinimumRtt);
        }
        if (inFlight.HasReneged)
            inFlight.MarkAllLost(now);
        UndoSpuriousLoss(in summary);
        if (hasRecoveryPoint && !SerialNumber.IsAfter(recoveryPoint, inFlight.CumulativeTsn))
            hasRecoveryPoint = inFastRecovery = false;
        DetectLosses(now);
        if (summary.Bytes > 0)
            congestion.OnAcknowledged(Sample(now, flightBefore, deliveryRate, in summary));
        sendQueue.IsPathWide = congestion.Window > options.SendBufferSize;
        inFlight.AdvanceAckPoint();
        if (summary.CumulativeAdvanced)
        {
            rto.ResetBackOff();
            retransmissionDeadline = long.MaxValue;
            forwardTsnDue |= inFlight.MustForward;
        }
        ArmRetransmission(now);
        ArmProbe(now);
    }

    private PathSample Sample(long now, long flightBefore, double deliveryRate, in AcknowledgementSummary summary)
    {
        var lost = bytesLost;
        bytesLost = 0;
        return new()
        {
            Now = now,
            AcknowledgedBytes = summary.Bytes,
            LostBytes = lost,
            FlightBefore = flightBefore,
            Flight = inFlight.FlightBytes,
            Delivered = inFlight.DeliveryRate.Delivered,
            DeliveredBefore = summary.NewestDelivery.Delivered,
            DeliveryRate = deliveryRate,
            IsApplicationLimited = summary.NewestDelivery.IsApplicationLimited,
            // One more packet would not have fitted.
            IsWindowLimited = flightBefore + pathMtu.PacketSize > congestion.Window,
            IsInRecovery = inFastRecovery,
            RoundTrip = summary is { NewestOrder: > 0, NewestIsUnambiguous: true } ? now - summary.NewestSentAt : 0,
            SmoothedRoundTrip = rto.SmoothedRtt,
        };
    }

    private void MeasureRoundTrip(long now, in AcknowledgementSummary summary)
    {
        if (summary.NewestOrder == 0)
            return;
        var rtt = now - summary.NewestSentAt;
        if (summary.NewestIsUnambiguous)
            rto.AddSample(now, rtt);
        else if (rtt < rto.MinimumRtt || summary.FoundAlive > 0)
            return; // it answers the first transmission, not the repeated one
        reorderingSeen |= summary.ReorderingSeen;
        if (summary.NewestOrder <= rackOrder)
            return;
        rackOrder = summary.NewestOrder;
        rackRtt = rtt;
    }

    /// <summary>
    /// Counts as lost what was sent before the newest transmission that arrived and has had a round trip plus the reordering
    /// window (RFC 8985 §6.2). Each chunk leaves the list of outstanding ones, so the work is in proportion to the news.
    /// </summary>
    private void DetectLosses(long now)
    {
        reorderDeadline = long.MaxValue;
        var allowance = rackRtt + ReorderingWindow;
        var congested = false;
        var lostNow = 0;
        while (inFlight.HasOutstanding)
        {
            var tsn = inFlight.OldestOutstanding;
            ref var chunk = ref inFlight[tsn];
            if (chunk.Order >= rackOrder)
                break;
            var due = chunk.SentAt + allowance;
            if (due > now)
            {
                reorderDeadline = due;
                break;
            }
            bytesLost += chunk.FlightBytes;
            lostInEpisode++;
            lostNow++;
            congested |= !hasRecoveryPoint || SerialNumber.IsAfter(tsn, recoveryPoint);
            inFlight.MarkLost(tsn, now);
        }
        if (!congested)
            return;
        (lostInEpisode, aliveInEpisode) = (lostNow, 0);
        congestion.OnLoss(now);
        reorderingSteps = Math.Max(1, reorderingSteps - 1);
        EnterRecovery();
        inFastRecovery = true;
    }

    /// <summary>None until the path is known to reorder, once three later chunks arrived (RFC 8985 §6.2 step 4).</summary>
    private long ReorderingWindow
    {
        get
        {
            if (!reorderingSeen && (inFastRecovery || inFlight.GapAcknowledged >= DuplicateThreshold))
                return 0;
            var minimum = rto.MinimumRtt == long.MaxValue ? 0 : rto.MinimumRtt;
            return Math.Min(reorderingSteps * (minimum / 4), rto.SmoothedRtt);
        }
    }

    private void EnterRecovery()
    {
        recoveryPoint = inFlight.NextTsn - 1;
        hasRecoveryPoint = true;
    }

    /// <summary>T3 runs while anything is in flight (RFC 9260 §6.3.2).</summary>
    private void ArmRetransmission(long now)
    {
        if (inFlight.IsEmpty)
            retransmissionDeadline = long.MaxValue;
        else if (retransmissionDeadline == long.MaxValue)
            retransmissionDeadline = now + rto.Rto;
    }

    /// <summary>The tail loss probe (RFC 8985 §7.2): not during recovery, and only where it comes before T3.</summary>
    private void ArmProbe(long now)
    {
        probeDeadline = long.MaxValue;
        if (!inFlight.HasOutstanding || inFlight.HasLost || inFastRecovery || probeInFlight || !rto.HasSample || isProbingWindow)
            return;
        var delay = 2 * rto.SmoothedRtt + (inFlight.MayBeDelayed ? options.MinimumRto.Ticks : 0);
        if (now + delay < retransmissionDeadline)
            probeDeadline = now + delay;
    }

    /// <summary>T3: everything in flight counts as lost and the window falls to one packet (RFC 9260 §6.3.3).</summary>
    private void OnRetransmissionTimeout(long now)
    {
        retransmissionDeadline = long.MaxValue;
        timeouts++;
        if (!CountError($"The peer did not acknowledge data in {options.MaxRetransmits} retransmissions."))
            return;
        rto.BackOff();
        if (pathMtu.OnTimeout(now))
            UsePacketSize();
        probeInFlight = false;
        if (!isProbingWindow)
        {
            var repeated = hasRecoveryPoint && !inFastRecovery;
            if (!repeated)
                (lostInEpisode, aliveInEpisode) = (inFlight.OutstandingCount, 0);
            congestion.OnTimeout(now, repeated);
            EnterRecovery();
            inFastRecovery = false;
        }
        inFlight.MarkAllLost(now);
        forwardTsnDue = inFlight.MustForward;
        ArmRetransmission(now);
    }

    /// <summary>Sends the newest chunk again, so that its acknowledgement shows what else is missing.</summary>
    private void OnProbeTimeout(long now)
    {
        probeDeadline = long.MaxValue;
        if (inFlight.HasOutstanding && !inFlight.MayAbandon(in inFlight[inFlight.NewestOutstanding], now))
            probeDue = true;
    }
}
