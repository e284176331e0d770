namespace Registry.Actors.Channels.Flow;

/// <summary>
/// The credit this end gives the peer for one connection. What the peer may still send and what waits here are together never more than the
/// window. The window doubles while the peer uses half of it up within two round trips and the tube has promised little, and halves when the tube
/// has promised much. No connection gets more than a quarter of the room that those whose targets do not read have left: there is always
/// some, and a few that stand still take nothing of the others' windows.
/// </summary>
internal sealed class ReceiveBudget(TubeFlow tube, TimeProvider time)
{
    // A window that is too small for a frame's worth of bytes would cut a stream into crumbs.
    private const int LeastWindow = 16 * 1024;

    private readonly FlowLimits limits = tube.Limits;
    private readonly Lock gate = new();
    private int window;
    private int granted;
    private int queued;
    private long grantedAt;
    private bool isClosed;

    /// <summary>Most that the peer may send and that may wait here, together.</summary>
    public int Window => Volatile.Read(ref window);

    /// <summary>Bytes that came and are not consumed.</summary>
    public int Queued => Volatile.Read(ref queued);

    /// <summary>The credit to begin with.</summary>
    public int Open()
    {
        lock (gate)
        {
            window = Math.Max(LeastWindow, (int)Math.Min(limits.StartWindow, (limits.TubeLimit - tube.Promised) / 16));
            return Grant(window);
        }
    }

    /// <summary>Takes bytes that came.</summary>
    /// <returns>False when the peer had no credit for them.</returns>
    public bool TryReceive(int bytes)
    {
        lock (gate)
        {
            if (bytes > granted)
                return false;
            granted -= bytes;
            queued += bytes;
            return true;
        }
    }

    /// <summary>Notes that bytes went to their socket.</summary>
    /// <param name="bytes">How many.</param>
    /// <param name="roundTrip">The channel's measured round trip; zero while it is unknown.</param>
    /// <returns>Credit that the peer should be given now; 0 for none.</returns>
    public int Consume(int bytes, TimeSpan roundTrip)
    {
        lock (gate)
        {
            queued -= bytes;
            Promise(-bytes);
            // Half a window at a time: an update for each frame would cost a frame for each frame.
            if (isClosed || window - granted - queued < window / 2)
                return 0;
            if (tube.Promised + window > limits.TubeLimit * 3L / 4)
                window = Math.Max(LeastWindow, window / 2);
            else if (time.GetElapsedTime(grantedAt) < 2 * roundTrip)
                window = Math.Min(2 * window, limits.MaxWindow);
            return Grant((int)Math.Min(window, Math.Max(LeastWindow, (limits.TubeLimit - tube.Receiving.Queued) / 4)));
        }
    }

    /// <summary>The connection is over: nothing is promised any more.</summary>
    public void Close()
    {
        lock (gate)
        {
            Promise(-(granted + queued));
            (granted, queued, isClosed) = (0, 0, true);
        }
    }

    private int Grant(int target)
    {
        var credit = isClosed ? 0 : Math.Max(0, target - granted - queued);
        granted += credit;
        Promise(credit);
        grantedAt = time.GetTimestamp();
        return credit;
    }

    private void Promise(int change) => tube.PromisedChanged(change);
}
