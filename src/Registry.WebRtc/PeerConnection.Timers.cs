using Registry.WebRtc.Net;

namespace Registry.WebRtc;

/// <summary>The one timer: its own for near deadlines, the shared one for far ones.</summary>
internal sealed partial class PeerConnection
{
    /// <summary>
    /// Sets a timer to the earliest deadline. One of SCTP's that moved to a later time is left to fire in vain, which is cheaper, for it
    /// moves with every packet; one of ICE's moves when a check is answered, and thousands of those would wake the process for nothing.
    /// </summary>
    private void ArmTimer(TimeSpan now)
    {
        if (timerFired)
        {
            timerFired = false;
            timerDue = TimeSpan.MaxValue;
        }
        var pathDue = NextIceTimeout < gatherer.NextTimeout ? NextIceTimeout : gatherer.NextTimeout;
        var isCheck = association is null || pathDue <= association.NextTimeout;
        var due = isCheck ? pathDue : association!.NextTimeout;
        if (due == TimeSpan.MaxValue)
            return;
        if (due >= timerDue && !(timerIsForCheck && due - timerDue > ShortestAligned))
            return;
        timerIsForCheck = isCheck;
        timerDue = due;
        LeaveSharedTimer();
        if (due - now >= ShortestAligned)
        {
            sharedTimerDue = Align(due, now);
            factory.SharedTimer.Add(sharedTimerDue.Value, this);
            return;
        }
        // Timers count whole milliseconds: rounded up, so that they do not fire just before the deadline.
        var wait = Math.Max(0, Math.Ceiling((due - now).TotalMilliseconds));
        timer.Change(TimeSpan.FromMilliseconds(wait), Timeout.InfiniteTimeSpan);
    }

    private void LeaveSharedTimer()
    {
        if (sharedTimerDue is { } due)
            factory.SharedTimer.Remove(due, this);
        sharedTimerDue = null;
    }

    /// <summary>Lets a far deadline be late by an eighth at most, so that it falls together with those of other connections.</summary>
    private static TimeSpan Align(TimeSpan due, TimeSpan now)
    {
        var step = due - now < LongWait ? ShortStep : LongStep;
        return new((due.Ticks + step.Ticks - 1) / step.Ticks * step.Ticks);
    }
}
