using System.Diagnostics;
using Registry.Actors.Metrics;
using Registry.Messages;

namespace Registry.Actors.Tracing;

/// <summary>What a tube waits for before its first channel is open, in this order.</summary>
internal enum ConnectPhase
{
    Ice,
    Dtls,
    Sctp,
}

/// <summary>How a tube comes to its first channel: the time that each step takes, and its spans when someone wants them. Touched by the tube's actor only.</summary>
/// <param name="metrics">Where the times go.</param>
/// <param name="time">The clock.</param>
/// <param name="command">The create that makes the tube.</param>
/// <param name="tubeId">The tube.</param>
internal sealed class TubeTrace(RegistryMetrics metrics, TimeProvider time, CreateTube command, TubeId tubeId)
{
    private static readonly string[] PhaseSpans = ["ice.connect", "dtls.connect", "sctp.connect"];

    private Activity? step;      // tube.make, then tube.connect
    private Activity? phaseSpan;
    private ConnectPhase phase;
    private long began;
    private long phaseBegan;
    private bool isConnecting;
    private bool isOver;

    /// <summary>What is current while the tube's actor works, so that the log names the trace; never a span of its own. Null when the create belongs to no trace.</summary>
    public Activity? Ambient { get; } = Spans.ContextOf(command) is { TraceId: var id } context && id != default
        ? Unwatched(new Activity("tube").SetParentId(context.TraceId, context.SpanId, context.TraceFlags))
        : null;

    /// <summary>The tube is being made.</summary>
    public void Making() => step = Spans.Start("tube.make", command)?.AddTag("tube.id", tubeId.ToString()).AddTag("conversation.type", command.Settings.Type);

    /// <summary>Its description was made, or never will be.</summary>
    /// <param name="error">Why not; null when it was.</param>
    public void Made(string? error = null) => EndStep(error);

    /// <summary>Both descriptions are there, so that the peers can find each other.</summary>
    /// <returns>Whether this is news.</returns>
    public bool Described()
    {
        if (isConnecting || isOver)
            return false;
        isConnecting = true;
        began = time.GetTimestamp();
        step = Spans.Start("tube.connect", command)?.AddTag("tube.id", tubeId.ToString());
        Enter(ConnectPhase.Ice);
        return true;
    }

    /// <summary>The peer's description was wrong; another may follow.</summary>
    public void Undescribed(RefusalCode why)
    {
        if (!isConnecting || phase != ConnectPhase.Ice)
            return;
        isConnecting = false;
        EndPhase(why.Text);
        EndStep(why.Text);
    }

    /// <summary>The phases before this one are over; news of them may have been overtaken.</summary>
    public void Reached(ConnectPhase next)
    {
        Described();
        while (isConnecting && phase < next)
        {
            Leave(null);
            Enter(phase + 1);
        }
    }

    /// <summary>The first channel is open.</summary>
    /// <param name="pair">The kinds of candidates of the path, such as host/srflx.</param>
    /// <param name="roundTrip">Of the path, where it was measured.</param>
    public void Ready(string? pair, TimeSpan? roundTrip)
    {
        if (isOver)
            return;
        Reached(ConnectPhase.Sctp);
        Leave(null);
        metrics.Connected(pair is not null && RegistryMetrics.IsRelayed(pair), time.GetElapsedTime(began));
        if (roundTrip is { } measured)
            metrics.RoundTrip(measured);
        step?.AddTag("ice.pair", pair);
        EndStep(null);
        isConnecting = false;
        isOver = true;
    }

    /// <summary>The tube has ended.</summary>
    /// <param name="reason">Why.</param>
    public void Ended(CloseReason reason)
    {
        if (isOver)
            return;
        isOver = true;
        isConnecting = false;
        EndPhase(reason.Name);
        EndStep(reason.Name);
    }

    private void Enter(ConnectPhase next)
    {
        (phase, phaseBegan) = (next, time.GetTimestamp());
        phaseSpan = step is null ? null : Spans.Start(PhaseSpans[(int)next], step.Context, command)?.AddTag("tube.id", tubeId.ToString());
    }

    private void Leave(string? error)
    {
        metrics.ConnectPhaseEnded(phase, time.GetElapsedTime(phaseBegan));
        EndPhase(error);
    }

    private void EndPhase(string? error)
    {
        phaseSpan?.End(error);
        phaseSpan = null;
    }

    private void EndStep(string? error)
    {
        step?.End(error);
        step = null;
    }

    private static Activity Unwatched(Activity activity)
    {
        var before = Activity.Current;
        activity.Start();
        Activity.Current = before;
        return activity;
    }
}
